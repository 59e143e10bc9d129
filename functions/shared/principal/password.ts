import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/**
 * Cost of new hashes: one of the equivalent choices of the OWASP Password Storage Cheat Sheet, the one that needs
 * the least memory but one (16 MiB), for functions of 256 MB. Measured: some 200 ms on one core.
 */
const COST = { logN: 14, blockSize: 8, parallelization: 5 } as const;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** A stored hash asking for more memory is refused: it would be a way to exhaust a function. */
const MAX_MEMORY_BYTES = 128 * 1024 * 1024;

interface Cost {
  readonly logN: number;
  readonly blockSize: number;
  readonly parallelization: number;
}

const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Hash a password with scrypt and a fresh salt, as a PHC string: `$scrypt$ln=14,r=8,p=5$<salt>$<key>`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return phcOf(COST, salt, await derive({ password, salt, cost: COST, keyBytes: KEY_BYTES }));
}

/**
 * Whether the password is the one that was hashed, under the cost stored with the hash. The comparison takes the same time
 * wherever the two differ.
 *
 * @throws Error when the stored text is no scrypt hash.
 */
export async function verifyPassword(password: string, passwordHash: string): Promise<boolean> {
  const { cost, salt, key } = parsePhc(passwordHash);
  const derived = await derive({ password, salt, cost, keyBytes: key.length });
  return timingSafeEqual(derived, key);
}

/** A hash that no password has, at the present cost: checking it takes as long as checking a real one. */
export const UNMATCHABLE_HASH = phcOf(COST, Buffer.alloc(SALT_BYTES), Buffer.alloc(KEY_BYTES));

function phcOf(cost: Cost, salt: Buffer, key: Buffer): string {
  const parameters = `ln=${cost.logN},r=${cost.blockSize},p=${cost.parallelization}`;
  return `$scrypt$${parameters}$${unpadded(salt)}$${unpadded(key)}`;
}

/** PHC strings carry base64 without padding. */
function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

function parsePhc(text: string): { readonly cost: Cost; readonly salt: Buffer; readonly key: Buffer } {
  const [, logN, blockSize, parallelization, salt, key] = PHC.exec(text) ?? [];
  const cost = {
    logN: Number(logN),
    blockSize: Number(blockSize),
    parallelization: Number(parallelization),
  };
  if (salt === undefined || key === undefined || memoryOf(cost) > MAX_MEMORY_BYTES) {
    throw new Error('A stored password hash is no scrypt hash that this version reads');
  }
  return {
    cost,
    salt: Buffer.from(salt, 'base64'),
    key: Buffer.from(key, 'base64'),
  };
}

/** Bytes that scrypt needs: 128 * r for each of its N blocks, its p lanes and two more. */
function memoryOf({ logN, blockSize, parallelization }: Cost): number {
  return 128 * blockSize * (2 ** logN + parallelization + 2);
}

function derive(options: {
  readonly password: string;
  readonly salt: Buffer;
  readonly cost: Cost;
  readonly keyBytes: number;
}): Promise<Buffer> {
  const { logN, blockSize, parallelization } = options.cost;
  const scryptOptions: ScryptOptions = {
    N: 2 ** logN,
    r: blockSize,
    p: parallelization,
    maxmem: memoryOf(options.cost),
  };
  return new Promise((resolve, reject) => {
    scrypt(options.password, options.salt, options.keyBytes, scryptOptions, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
