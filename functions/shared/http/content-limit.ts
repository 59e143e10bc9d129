import { DomainError } from '../errors.ts';
import type { EndpointMiddleware } from './exchange.ts';

/**
 * Bytes of content that a request may hold. A Lambda event is at most 6 MiB and carries content in base64, four
 * characters for three bytes: 4.4 MiB of content leave some 130 KiB for everything else in the event.
 */
export const MAX_CONTENT_BYTES = Math.floor(4.4 * 1024 * 1024);
const MAX_CONTENT_TEXT = '4.4 MiB';

/**
 * Middleware: refuse content over the limit with a text that names it. Beyond 6 MiB of event AWS refuses by
 * itself; MiniStack never does.
 */
export function contentLimit<Input>(): EndpointMiddleware<Input> {
  return {
    before: (middyRequest) => {
      if (middyRequest.event.request.contentLength() > MAX_CONTENT_BYTES) {
        throw new DomainError('CONTENT_TOO_LARGE', [MAX_CONTENT_TEXT]);
      }
    },
  };
}
