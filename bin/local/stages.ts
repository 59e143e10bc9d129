/** The two clouds: entries are followed at the source and applied at the target. */
export const stages = ['source', 'target'] as const;
export type Stage = (typeof stages)[number];

export const region = 'us-east-1';
/** MiniStack's account. */
export const accountId = '000000000000';
/** Made-up credentials; nothing checks them. */
export const credentials = { accessKeyId: 'test', secretAccessKey: 'test' } as const;
/** The project id of the deployments (the one in the paths of the /v3 API); any 32 hexadecimal digits would do. */
export const projectId = '054ba152d480d55b2f5dc0069e7ddef0';
export const operateLogCollection = 'operate_log';

export function databaseOf(stage: Stage): string {
  return `bkrepo_${stage}`;
}
