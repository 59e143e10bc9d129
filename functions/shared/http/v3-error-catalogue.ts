import type { DomainError, ErrorCode } from '../errors.ts';
import { filled } from './error-catalogue.ts';
import type { Language } from './language.ts';

/** How a domain error looks to a client of the second contract; `{0}` stands for the error's argument. */
export interface V3CatalogueEntry {
  readonly code: string;
  /** Of a whole request that is refused for it. */
  readonly status: number;
  readonly english: string;
  readonly chinese: string;
}

const FAULT = entry('DRS.M00004', 500, 'Service is abnormal. Check logs.', '服务异常，请查看日志。');
const BAD_REQUEST = entry('DRS.M00007', 400, 'Invalid request parameter.', '无效的请求参数。');
/** Yes, 403 and 401 are this way round in the service. */
const BAD_TOKEN = entry('DRS.M00100', 403, 'Invalid token.', '无效的Token。');
const FORBIDDEN = entry(
  'DRS.M00103',
  401,
  'You do not have operation permissions. Check account permissions on IAM.',
  '没有操作权限，请在IAM检查账号权限。',
);
const NOT_FOUND = entry('DRS.M05003', 404, 'Task information not found.', '任务信息不存在。');

/** The only place that turns domain errors into the service's published codes and texts. */
const V3_CATALOGUE: Readonly<Partial<Record<ErrorCode, V3CatalogueEntry>>> = {
  SYSTEM_BUSY: FAULT,
  REQUEST_CONTENT_INVALID: BAD_REQUEST,
  PARAMETER_MISSING: entry('DRS.M00201', 400, 'The parameter {0} is empty.', '参数{0}为空。'),
  PARAMETER_INVALID: entry('DRS.M00202', 400, 'The value of parameter {0} is invalid.', '参数{0}的值无效。'),
  DUPLICATES: entry('DRS.M00301', 400, 'There are duplicate {0} in request.', '请求中存在重复的{0}。'),
  TOO_MANY_JOBS: entry(
    'DRS.M00300',
    400,
    'Invalid request, there are more than {0} jobs.',
    '无效的请求，任务数量超过{0}个。',
  ),
  CONTENT_TOO_LARGE: entry(
    'DRS.M00300',
    400,
    'Invalid request, it is larger than {0}.',
    '无效的请求，请求大小超过{0}。',
  ),
  AUTHENTICATION_REQUIRED: BAD_TOKEN,
  AUTHENTICATION_FAILED: BAD_TOKEN,
  AUTHENTICATION_MALFORMED: BAD_TOKEN,
  TOKEN_INVALID: BAD_TOKEN,
  SIGNATURE_INVALID: FORBIDDEN,
  ACCESS_DENIED: FORBIDDEN,
  PROJECT_FORBIDDEN: entry('DRS.M00261', 403, 'Invalid project ID.', '无效的项目ID。'),
  RESOURCE_NOT_FOUND: NOT_FOUND,
  TASK_GONE: entry(
    'DRS.M05004',
    404,
    'The task has been deleted or the resource has been released.',
    '任务已被删除或资源已被释放。',
  ),
  TASK_STATUS_INVALID: entry(
    'DRS.M00304',
    400,
    'This API cannot be called in the current task status.',
    '当前任务状态不允许调用该接口。',
  ),
  TASK_CONTENDED: entry(
    'DRS.M01504',
    400,
    'Another operation is being performed on the migration task or the migration task is abnormal.',
    '迁移任务正在执行其他操作或任务异常。',
  ),
};

function entry(code: string, status: number, english: string, chinese: string): V3CatalogueEntry {
  return { code, status, english, chinese };
}

/** An error of the domain as the second contract has it: one that it has no code for is a fault of ours. */
export function v3EntryOf(code: ErrorCode): V3CatalogueEntry {
  return V3_CATALOGUE[code] ?? FAULT;
}

/** An error's fields, in an answer to a request or to one of its items. */
export function v3Error(
  error: DomainError,
  language: Language,
): { readonly error_code: string; readonly error_msg: string } {
  const { code, english, chinese } = v3EntryOf(error.code);
  return { error_code: code, error_msg: filled(language === 'zh' ? chinese : english, error.args) };
}
