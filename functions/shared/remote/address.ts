import { X509Certificate } from 'node:crypto';
import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { getCACertificates } from 'node:tls';
import ipaddr from 'ipaddr.js';
import { buildConnector } from 'undici';
import { RemoteOutageError } from './errors.ts';

/** A host that is, or resolves to, an address outside the permitted ranges. */
export class ForbiddenAddressError extends Error {
  readonly code = 'ADDRESS_FORBIDDEN';

  constructor() {
    super('The address is not permitted');
    this.name = 'ForbiddenAddressError';
  }
}

/** Ranges of ipaddr.js that `allowPrivate` opens beside the public ones. */
const PRIVATE_RANGES: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal']);

/**
 * Ranges that stay closed whatever ipaddr.js calls them: AWS's unique-local metadata services (fd00:ec2::254 and
 * others), and the deprecated IPv4-compatible block, which ipaddr.js counts as public.
 */
const NEVER: readonly [ipaddr.IPv6, number][] = [
  [ipaddr.IPv6.parse('fd00:ec2::'), 32],
  [ipaddr.IPv6.parse('::'), 96],
];

const LOOPBACK_V6 = '::1';

/** NAT64's well-known prefix (RFC 6052): the IPv4 address in its last four bytes is what is reached. */
const NAT64: readonly [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('64:ff9b::'), 96];

/**
 * Whether a connection to this address is permitted. Public unicast is; loopback, private (RFC 1918) and unique-local
 * ranges are when the deployment says so; everything else never is: link-local (where clouds keep their metadata
 * services), carrier-grade NAT, unspecified, multicast, reserved and tunnelled ranges.
 */
export function isPermittedAddress(address: string, allowPrivate: boolean): boolean {
  if (!ipaddr.isValid(address)) {
    return false;
  }
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv6) {
    if (parsed.match([...NAT64])) {
      return isPermittedAddress(
        ipaddr.fromByteArray(parsed.toByteArray().slice(12)).toString(),
        allowPrivate,
      );
    }
    if (parsed.toString() !== LOOPBACK_V6 && NEVER.some(([network, bits]) => parsed.match(network, bits))) {
      return false;
    }
  }
  const range = parsed.range();
  return range === 'unicast' || (allowPrivate && PRIVATE_RANGES.has(range));
}

/**
 * Connector of one remote's agent.
 *
 * An IP literal never reaches `lookup`, so the host is checked as well as what a name resolves to; the connection is
 * made to the very addresses that were checked, so a name cannot resolve to another one in between.
 */
export function guardedConnector(options: {
  readonly allowPrivate: boolean;
  /** Milliseconds. */
  readonly connectTimeout: number;
  /** PEM text, trusted beside the public authorities. */
  readonly certificate?: string | undefined;
}): buildConnector.connector {
  const { allowPrivate, connectTimeout, certificate } = options;
  const connect = buildConnector({
    timeout: connectTimeout,
    // One exchange to a connection: a body that is given up then ends its connection, and nothing else.
    allowH2: false,
    lookup: guardedLookup(allowPrivate),
    ...(certificate === undefined ? {} : trusting(certificate)),
  });
  return (target, callback) => {
    const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
    if (ipaddr.isValid(host) && !isPermittedAddress(host, allowPrivate)) {
      callback(new ForbiddenAddressError(), null);
      return;
    }
    connect(target, callback);
  };
}

function guardedLookup(allowPrivate: boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, '', 0);
        return;
      }
      const permitted = addresses.filter(({ address }) => isPermittedAddress(address, allowPrivate));
      const [first] = permitted;
      if (first === undefined) {
        callback(new ForbiddenAddressError(), '', 0);
      } else if (options.all === true) {
        callback(null, permitted);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

/**
 * TLS options that trust a remote's own certificate: its authority's, or the very one that it presents (hence the
 * partial chain). Host names are verified as ever.
 */
function trusting(certificate: string): {
  readonly ca: string[];
  readonly allowPartialTrustChain: true;
} {
  return {
    ca: [...getCACertificates('default'), ...certificatesOf(certificate)],
    allowPartialTrustChain: true,
  };
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM text. OpenSSL passes over what it cannot read, which would leave a mistyped certificate
 * to be found out as an untrusted one: each is parsed here.
 *
 * @throws RemoteOutageError TLS_FAILED when there is none or one is unreadable.
 */
function certificatesOf(pem: string): string[] {
  const blocks = pem.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0) {
    throw new RemoteOutageError('TLS_FAILED', { details: 'the certificate is not PEM' });
  }
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw new RemoteOutageError('TLS_FAILED', { details: 'the certificate is unreadable', cause });
    }
  }
  return blocks;
}
