import { DomainError } from '../errors.ts';

/** Longer than any address that is one. */
const MAX_LENGTH = 2048;

/**
 * A remote cluster's address as it is stored: blanks around it dropped, `http` assumed where no scheme is given, no
 * slash at the end. `/replica/…` is appended to it. This is the only place where an address is normalised.
 *
 * @throws DomainError PARAMETER_INVALID `url` for another scheme, for credentials, a query or a fragment in the
 *   address; REMOTE_CONNECT_FAILED, as bk-repo answers, for what is no address at all.
 */
export function normalizeRemoteUrl(text: string): string {
  const trimmed = text.trim();
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed);
  const url = URL.parse(hasScheme ? trimmed : `http://${trimmed}`);
  if (url === null || trimmed.length > MAX_LENGTH) {
    throw new DomainError('REMOTE_CONNECT_FAILED', ['the url is not a valid address']);
  }
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!/^https?:$/.test(url.protocol) || !isPlain) {
    throw new DomainError('PARAMETER_INVALID', ['url']);
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}
