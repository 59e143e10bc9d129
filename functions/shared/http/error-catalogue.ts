import type { DomainError, ErrorCode } from '../errors.ts';
import type { Language } from './language.ts';

/**
 * How one domain error looks to a client of the bk-repo contract: the envelope's `code`, the HTTP status and the
 * texts, in which `{0}`, `{1}` … stand for the error's arguments.
 */
export interface CatalogueEntry {
  readonly code: number;
  readonly status: number;
  readonly english: string;
  /** Simplified Chinese; the same as `english` where the contract has no Chinese text. */
  readonly chinese: string;
}

/**
 * The only place that turns domain errors into bk-repo's codes, statuses and texts.
 *
 * Codes are 25 * 10000 + module * 100 + number, as bk-repo's services count them. A refusal by the door itself
 * (authentication, size, an upload into nowhere) has its HTTP status as code, and no Chinese where bk-repo has none.
 */
export const ERROR_CATALOGUE: Readonly<Record<ErrorCode, CatalogueEntry>> = {
  SYSTEM_BUSY: entry(250101, 500, 'System service is busy, please try again later', '系统繁忙，请稍后再试'),
  PARAMETER_MISSING: entry(250102, 400, 'Parameter {0} is missing', '参数{0}不能为空'),
  PARAMETER_INVALID: entry(250103, 400, 'Invalid parameter {0}', '参数{0}无效'),
  REQUEST_CONTENT_INVALID: entry(250104, 400, 'Invalid request content', '请求内容无效'),
  RESOURCE_EXISTED: entry(250105, 400, 'Resource {0} existed'),
  RESOURCE_NOT_FOUND: entry(250106, 400, 'Resource {0} not found', '资源{0}不存在'),
  OPERATION_UNSUPPORTED: entry(250108, 400, 'Operation unsupported', '不支持的操作'),
  METHOD_NOT_ALLOWED: entry(250108, 405, 'Operation unsupported', '不支持的操作'),
  PERMISSION_DENIED: entry(250109, 400, 'Permission denied', '权限不足'),
  HEADER_MISSING: entry(250113, 400, 'Header {0} missing', '请求头{0}不能为空'),
  MEDIA_TYPE_UNSUPPORTED: entry(250114, 415, 'Media Type Unsupported', '不支持的Media Type'),
  CONTENT_TOO_LARGE: entry(
    413,
    413,
    'Content too large: one request may hold at most {0}',
    '内容过大：单个请求最多{0}',
  ),
  AUTHENTICATION_REQUIRED: entry(401, 401, 'Authentication Required'),
  AUTHENTICATION_FAILED: entry(401, 401, 'Authorization value check failed'),
  // bk-repo repeats the header's value in this text, and with it the password.
  AUTHENTICATION_MALFORMED: entry(401, 401, 'Authorization value is not a valid scheme.'),
  TOKEN_INVALID: entry(401, 401, 'Invalid token'),
  ACCESS_DENIED: entry(403, 403, 'Access Denied'),
  // What only the second contract has codes for (v3-error-catalogue.ts), as near as this one comes.
  SIGNATURE_INVALID: entry(401, 401, 'Authorization value check failed'),
  PROJECT_FORBIDDEN: entry(403, 403, 'Access Denied'),
  DUPLICATES: entry(250103, 400, 'Invalid parameter {0}', '参数{0}无效'),
  TOO_MANY_JOBS: entry(250104, 400, 'Invalid request content', '请求内容无效'),
  TASK_GONE: entry(250106, 400, 'Resource {0} not found', '资源{0}不存在'),
  TASK_CONTENDED: entry(
    250101,
    500,
    'System service is busy, please try again later',
    '系统繁忙，请稍后再试',
  ),
  USER_NOT_FOUND: entry(250202, 400, 'user for auth not exist'),
  USER_TOKEN_INVALID: entry(250204, 400, 'user token check failed'),
  ROLE_NOT_FOUND: entry(250205, 400, 'the role not exist', '角色不存在'),
  PERMISSION_EXISTED: entry(250207, 400, 'duplicate permission name', '权限名称重复'),
  REMOTE_CONNECT_FAILED: entry(
    250301,
    400,
    'remote cluster connect error, reason: {0}',
    '远程集群连接失败，错误原因: {0}',
  ),
  REMOTE_TLS_FAILED: entry(250302, 400, 'remote cluster ssl error', '远程集群SSL证书错误'),
  TASK_STATUS_INVALID: entry(250303, 400, 'task status invalid', '任务状态不正确'),
  PROJECT_NOT_FOUND: entry(251001, 400, 'Project {0} not found', '项目{0}不存在'),
  PROJECT_EXISTED: entry(251002, 400, 'Project {0} existed', '项目{0}已存在'),
  REPOSITORY_NOT_FOUND: entry(251003, 400, 'Repository {0} not found', '仓库{0}不存在'),
  REPOSITORY_EXISTED: entry(251004, 400, 'Repository {0} existed', '仓库{0}已存在'),
  REPOSITORY_CONTAINS_FILE: entry(251005, 400, 'Repository contains file', '仓库包含文件'),
  UPLOAD_REPOSITORY_NOT_FOUND: entry(404, 404, 'Repository[{0}] not found'),
  NODE_NOT_FOUND: entry(251006, 400, 'Node {0} not found', '节点{0}不存在'),
  NODE_PATH_INVALID: entry(251007, 400, 'Invalid node path {0}', '节点路径{0}无效'),
  NODE_EXISTED: entry(251008, 400, 'Node {0} existed', '节点{0}已存在'),
  NODE_CONFLICT: entry(251009, 400, 'Node {0} conflict', '节点{0}存在冲突'),
  NODE_LIST_TOO_LARGE: entry(251010, 400, 'Node list count too large', '节点列表数量过大'),
};

function entry(code: number, status: number, english: string, chinese = english): CatalogueEntry {
  return { code, status, english, chinese };
}

/** The text of an error in the caller's language, its arguments filled in. */
export function messageOf(error: DomainError, language: Language): string {
  const { english, chinese } = ERROR_CATALOGUE[error.code];
  const text = language === 'zh' ? chinese : english;
  return filled(text, error.args);
}

/** A text with its `{0}`, `{1}` … replaced by arguments. */
export function filled(text: string, args: readonly string[]): string {
  return text.replaceAll(/\{(\d)\}/g, (_placeholder, index: string) => args[Number(index)] ?? '');
}
