import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DomainError, type ErrorCode } from '../../../functions/shared/errors.ts';
import { ERROR_CATALOGUE, messageOf } from '../../../functions/shared/http/error-catalogue.ts';

/** bk-repo's table of errors as the contract has it, with an argument in place: status, code, English, Chinese. */
const CONTRACT: readonly [ErrorCode, number, number, string, string][] = [
  ['SYSTEM_BUSY', 500, 250101, 'System service is busy, please try again later', '系统繁忙，请稍后再试'],
  ['PARAMETER_MISSING', 400, 250102, 'Parameter x is missing', '参数x不能为空'],
  ['PARAMETER_INVALID', 400, 250103, 'Invalid parameter x', '参数x无效'],
  ['REQUEST_CONTENT_INVALID', 400, 250104, 'Invalid request content', '请求内容无效'],
  ['RESOURCE_EXISTED', 400, 250105, 'Resource x existed', 'Resource x existed'],
  ['RESOURCE_NOT_FOUND', 400, 250106, 'Resource x not found', '资源x不存在'],
  ['OPERATION_UNSUPPORTED', 400, 250108, 'Operation unsupported', '不支持的操作'],
  ['METHOD_NOT_ALLOWED', 405, 250108, 'Operation unsupported', '不支持的操作'],
  ['PERMISSION_DENIED', 400, 250109, 'Permission denied', '权限不足'],
  ['HEADER_MISSING', 400, 250113, 'Header x missing', '请求头x不能为空'],
  ['MEDIA_TYPE_UNSUPPORTED', 415, 250114, 'Media Type Unsupported', '不支持的Media Type'],
  ['AUTHENTICATION_REQUIRED', 401, 401, 'Authentication Required', 'Authentication Required'],
  ['AUTHENTICATION_FAILED', 401, 401, 'Authorization value check failed', 'Authorization value check failed'],
  ['ACCESS_DENIED', 403, 403, 'Access Denied', 'Access Denied'],
  [
    'REMOTE_CONNECT_FAILED',
    400,
    250301,
    'remote cluster connect error, reason: x',
    '远程集群连接失败，错误原因: x',
  ],
  ['REMOTE_TLS_FAILED', 400, 250302, 'remote cluster ssl error', '远程集群SSL证书错误'],
  ['TASK_STATUS_INVALID', 400, 250303, 'task status invalid', '任务状态不正确'],
  ['PROJECT_NOT_FOUND', 400, 251001, 'Project x not found', '项目x不存在'],
  ['PROJECT_EXISTED', 400, 251002, 'Project x existed', '项目x已存在'],
  ['REPOSITORY_NOT_FOUND', 400, 251003, 'Repository x not found', '仓库x不存在'],
  ['REPOSITORY_EXISTED', 400, 251004, 'Repository x existed', '仓库x已存在'],
  ['UPLOAD_REPOSITORY_NOT_FOUND', 404, 404, 'Repository[x] not found', 'Repository[x] not found'],
  ['NODE_NOT_FOUND', 400, 251006, 'Node x not found', '节点x不存在'],
  ['NODE_PATH_INVALID', 400, 251007, 'Invalid node path x', '节点路径x无效'],
  ['NODE_EXISTED', 400, 251008, 'Node x existed', '节点x已存在'],
  ['NODE_CONFLICT', 400, 251009, 'Node x conflict', '节点x存在冲突'],
  ['NODE_LIST_TOO_LARGE', 400, 251010, 'Node list count too large', '节点列表数量过大'],
];

describe('the catalogue', () => {
  test.each(CONTRACT)('%s is as in the contract', (name, status, code, english, chinese) => {
    const error = new DomainError(name, ['x']);
    expect(ERROR_CATALOGUE[name]).toMatchObject({ status, code });
    expect(messageOf(error, 'en')).toBe(english);
    expect(messageOf(error, 'zh')).toBe(chinese);
  });

  test('every text stands in docs/api.md', () => {
    const documentation = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
    const texts = Object.values(ERROR_CATALOGUE).flatMap(({ english, chinese }) => [english, chinese]);
    expect(texts.filter((text) => !documentation.includes(text))).toEqual([]);
  });

  test('an argument is taken as it is, and a missing one is empty', () => {
    expect(messageOf(new DomainError('NODE_NOT_FOUND', ['/$&/{0}']), 'en')).toBe('Node /$&/{0} not found');
    expect(messageOf(new DomainError('NODE_NOT_FOUND'), 'en')).toBe('Node  not found');
  });
});
