/**
 * The domain's errors: one closed union of stable codes.
 *
 * Nothing here knows HTTP or a language. The codes are turned into statuses, envelope codes and texts in one
 * place, `http/error-catalogue.ts`.
 */
export const ERROR_CODES = [
  'SYSTEM_BUSY',
  'PARAMETER_MISSING',
  'PARAMETER_INVALID',
  'REQUEST_CONTENT_INVALID',
  'RESOURCE_EXISTED',
  'RESOURCE_NOT_FOUND',
  'OPERATION_UNSUPPORTED',
  'METHOD_NOT_ALLOWED',
  'PERMISSION_DENIED',
  'HEADER_MISSING',
  'MEDIA_TYPE_UNSUPPORTED',
  'CONTENT_TOO_LARGE',
  'AUTHENTICATION_REQUIRED',
  'AUTHENTICATION_FAILED',
  'AUTHENTICATION_MALFORMED',
  'TOKEN_INVALID',
  'ACCESS_DENIED',
  'SIGNATURE_INVALID',
  'PROJECT_FORBIDDEN',
  'DUPLICATES',
  'TOO_MANY_JOBS',
  'TASK_GONE',
  'TASK_CONTENDED',
  'USER_NOT_FOUND',
  'USER_TOKEN_INVALID',
  'ROLE_NOT_FOUND',
  'PERMISSION_EXISTED',
  'REMOTE_CONNECT_FAILED',
  'REMOTE_TLS_FAILED',
  'TASK_STATUS_INVALID',
  'PROJECT_NOT_FOUND',
  'PROJECT_EXISTED',
  'REPOSITORY_NOT_FOUND',
  'REPOSITORY_EXISTED',
  'REPOSITORY_CONTAINS_FILE',
  'UPLOAD_REPOSITORY_NOT_FOUND',
  'NODE_NOT_FOUND',
  'NODE_PATH_INVALID',
  'NODE_EXISTED',
  'NODE_CONFLICT',
  'NODE_LIST_TOO_LARGE',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * A fault that the caller caused or must know of.
 *
 * `args` fill the text's `{0}`, `{1}` … in the caller's language. They are shown to the caller: never put a
 * secret in them.
 */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly args: readonly string[];

  constructor(code: ErrorCode, args: readonly string[] = [], options?: ErrorOptions) {
    super(args.length > 0 ? `${code}: ${args.join(', ')}` : code, options);
    this.name = 'DomainError';
    this.code = code;
    this.args = args;
  }
}
