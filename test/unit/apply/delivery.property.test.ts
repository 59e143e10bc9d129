import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyBatch } from '../../../functions/shared/apply/apply-batch.ts';
import { circuit } from '../../../functions/shared/apply/circuit.ts';
import type { BatchMessage } from '../../../functions/shared/lane/message.ts';
import type { Operation } from '../../../functions/shared/lane/operation.ts';
import { RemoteOutageError, RemoteRefusalError } from '../../../functions/shared/remote/errors.ts';
import { batch, fileCreate, World } from './world.ts';

/** What goes wrong in a delivery: nothing, or something at the nth call or around the nth record. */
type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'outage' | 'crash'; readonly call: number }
  | { readonly kind: 'crash-before-record' | 'crash-after-record' };

const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant<Fault>({ kind: 'none' }),
  fc.record({ kind: fc.constantFrom('outage' as const, 'crash' as const), call: fc.nat(8) }),
  fc.record({ kind: fc.constantFrom('crash-before-record' as const, 'crash-after-record' as const) }),
);

/** Lengths of a lane's messages, and which operation in all of them is refused for good, if any. */
const lane = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
  refused: fc.option(fc.nat(10)),
});

/** Deliveries of any message in any order, as often as it comes. */
const deliveries = fc.array(fc.record({ message: fc.nat(), fault }), { maxLength: 25 });

/** A lane whose nth operation puts content `n` at one of three paths: order shows in what is there at the end. */
function messagesOf(
  world: World,
  lengths: readonly number[],
): { messages: BatchMessage[]; operations: Operation[] } {
  const operations: Operation[] = [];
  const messages = lengths.map((length) => {
    const previous = operations.length;
    for (let index = 0; index < length; index += 1) {
      const content = `content ${operations.length}`;
      const file = fileCreate(`/${operations.length % 3}`, content);
      world.contents.set(file.sha256, content);
      operations.push(file);
    }
    return batch(previous, operations.slice(previous));
  });
  return { messages, operations };
}

function arm(world: World, fault: Fault, refused: string | undefined, begun: string[]): void {
  let call = 0;
  world.beforeCall = (name, path) => {
    call += 1;
    if (fault.kind === 'outage' && call > fault.call) {
      throw new RemoteOutageError('CONNECTION_CUT');
    }
    if (fault.kind === 'crash' && call > fault.call) {
      throw new Error('killed');
    }
    if (name === 'upload') {
      begun.push(path);
    }
  };
  world.aroundRecord = (moment) => {
    // A killed worker writes nothing more, so it dies here too if it was killed at a call.
    if (fault.kind === 'crash' ? call > fault.call : fault.kind === `crash-${moment}-record`) {
      throw new Error('killed');
    }
  };
  const upload = world.client.uploadFile;
  world.dependencies.remotes.clientFor = async () => ({
    ...world.client,
    uploadFile: (file, open) => {
      if (file.sha256 === refused) {
        begun.push(file.fullPath);
        throw new RemoteRefusalError({ status: 413, text: 'too large' });
      }
      return upload(file, open);
    },
  });
}

describe('whatever the queue and the workers do', () => {
  it('each operation is done in its turn, ends once in the account, and the target is what the order makes it', async () => {
    await fc.assert(
      fc.asyncProperty(lane, deliveries, async ({ lengths, refused }, steps) => {
        const world = new World();
        const { messages, operations } = messagesOf(world, lengths);
        const refusedOperation = refused === null ? undefined : operations[refused];
        const refusedDigest = refusedOperation?.kind === 'FILE_CREATE' ? refusedOperation.sha256 : undefined;
        const begun: string[] = [];
        const deliver = async (message: BatchMessage | undefined, fault: Fault): Promise<void> => {
          if (message === undefined) {
            return;
          }
          arm(world, fault, refusedDigest, begun);
          const before = world.state()?.appliedOrdinal ?? 0;
          begun.length = 0;
          await applyBatch({
            message,
            deliveries: 1,
            circuit: circuit(),
            signal: new AbortController().signal,
            dependencies: world.dependencies,
          }).catch(() => undefined);
          const after = world.state()?.appliedOrdinal ?? 0;
          // The lane never goes back, and nothing is begun that does not follow what is recorded, one by one.
          expect(after).toBeGreaterThanOrEqual(before);
          expect(begun).toEqual(begun.map((_, index) => `/${(before + index) % 3}`));
          const { applied = 0, superseded = 0, failed = 0 } = world.state() ?? {};
          expect(applied + superseded + failed).toBe(after);
          expect(world.failures.size).toBe(failed);
        };

        for (const { message, fault } of steps) {
          await deliver(messages[message % messages.length], fault);
        }
        // In the end every message that is not acknowledged has been delivered in order without a fault.
        for (const message of messages) {
          await deliver(message, { kind: 'none' });
        }

        const failures = refusedDigest === undefined ? 0 : 1;
        expect(world.state()).toMatchObject({
          appliedOrdinal: operations.length,
          applied: operations.length - failures,
          failed: failures,
        });
        const expected = new Map<string, string>();
        for (const operation of operations) {
          if (operation.kind === 'FILE_CREATE' && operation.sha256 !== refusedDigest) {
            expected.set(operation.fullPath, operation.sha256);
          }
        }
        const target = [...world.target].map(
          ([path, node]) => [path, node.folder ? '' : node.sha256] as const,
        );
        expect(new Map(target)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});
