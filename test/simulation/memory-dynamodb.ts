import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { intercepted } from '../support/intercepted.ts';
import type { Cloud } from './cloud.ts';
import { holds, type Item, type Placeholders, projected, updated } from './expressions.ts';

/** One write of an item, alone or in a transaction, in DynamoDB's names. */
interface Write {
  readonly Key?: Item | undefined;
  readonly Item?: Item | undefined;
  readonly UpdateExpression?: string | undefined;
  readonly ConditionExpression?: string | undefined;
  readonly ExpressionAttributeNames?: Record<string, string> | undefined;
  readonly ExpressionAttributeValues?: Item | undefined;
}

/** What DynamoDB takes at once. */
const MAX_TRANSACTION = 100;
const MAX_BATCH_WRITE = 25;
const MAX_BATCH_GET = 100;
const MAX_ITEM_BYTES = 400 * 1024;

/** The one table in memory, by the rules of DynamoDB: every call is one step, or none. */
export class MemoryDynamoDb {
  readonly #partitions = new Map<string, Map<string, Item>>();
  readonly client: DynamoDBDocumentClient;

  constructor(cloud: Cloud) {
    const nowhere = { region: 'nowhere', credentials: { accessKeyId: '', secretAccessKey: '' } };
    this.client = intercepted(DynamoDBDocumentClient.from(new DynamoDBClient(nowhere)), {
      send: (command: unknown) =>
        cloud.call({ service: 'DynamoDB', name: nameOf(command) }, () => this.#answer(command)),
    });
  }

  /** Every item of a partition, in the order of its keys; to be read only. */
  items(pk: string): readonly Readonly<Item>[] {
    return this.#sorted(pk);
  }

  /** The partitions' keys that begin so. */
  partitions(prefix: string): string[] {
    return [...this.#partitions]
      .filter(([pk, items]) => pk.startsWith(prefix) && items.size > 0)
      .map(([pk]) => pk);
  }

  #answer(command: unknown): unknown {
    if (command instanceof GetCommand) {
      const { Key, ProjectionExpression, ExpressionAttributeNames: names } = command.input;
      const item = this.#find(Key ?? {});
      return item === undefined ? {} : { Item: projected(ProjectionExpression, { names }, item) };
    }
    if (
      command instanceof PutCommand ||
      command instanceof UpdateCommand ||
      command instanceof DeleteCommand
    ) {
      return this.#write(command.input);
    }
    if (command instanceof QueryCommand) {
      return this.#query(command.input);
    }
    if (command instanceof TransactWriteCommand) {
      return this.#transact(command.input.TransactItems ?? []);
    }
    if (command instanceof BatchGetCommand) {
      return this.#batchGet(command.input.RequestItems ?? {});
    }
    if (command instanceof BatchWriteCommand) {
      return this.#batchWrite(command.input.RequestItems ?? {});
    }
    throw new Error(`DynamoDB is not asked ${nameOf(command)} here`);
  }

  #write(write: Write & { readonly ReturnValues?: string | undefined }): unknown {
    const before = this.#find(keyOf(write));
    if (!this.#isPermitted(write)) {
      throw new ConditionalCheckFailedException({
        message: 'The conditional request failed',
        $metadata: {},
      });
    }
    const after = this.#apply(write);
    switch (write.ReturnValues) {
      case 'ALL_NEW':
        return { Attributes: structuredClone(after) };
      case 'ALL_OLD':
        return before === undefined ? {} : { Attributes: structuredClone(before) };
      case undefined:
      case 'NONE':
        return {};
      default:
        throw new Error(`ReturnValues ${write.ReturnValues} is not simulated`);
    }
  }

  #isPermitted(write: Write): boolean {
    return holds(write.ConditionExpression, placeholdersOf(write), this.#find(keyOf(write)) ?? {});
  }

  /** @returns the item as it is then. */
  #apply(write: Write): Item | undefined {
    const key = keyOf(write);
    const { pk, sk } = namesOf(key);
    const partition = this.#partitions.get(pk) ?? new Map<string, Item>();
    this.#partitions.set(pk, partition);
    if (write.Item === undefined && write.UpdateExpression === undefined) {
      partition.delete(sk);
      return undefined;
    }
    const item =
      write.Item === undefined
        ? updated(write.UpdateExpression ?? '', placeholdersOf(write), this.#find(key) ?? { pk, sk })
        : plain(write.Item);
    if (Buffer.byteLength(JSON.stringify(item)) > MAX_ITEM_BYTES) {
      throw new Error(`Item ${pk} ${sk} is too large`);
    }
    partition.set(sk, item);
    return item;
  }

  #transact(
    entries: readonly {
      readonly ConditionCheck?: Write | undefined;
      readonly Put?: Write | undefined;
      readonly Update?: Write | undefined;
      readonly Delete?: Write | undefined;
    }[],
  ): unknown {
    if (entries.length > MAX_TRANSACTION) {
      throw new RangeError(`${entries.length} items in a transaction`);
    }
    const writes = entries.map(({ ConditionCheck, Put, Update, Delete }) => {
      const write = ConditionCheck ?? Put ?? Update ?? Delete;
      if (write === undefined) {
        throw new TypeError('A transaction item without a write');
      }
      return { write, isCheck: ConditionCheck !== undefined };
    });
    const keys = new Set(writes.map(({ write }) => JSON.stringify(namesOf(keyOf(write)))));
    if (keys.size < writes.length) {
      throw new Error('Transaction request cannot include multiple operations on one item');
    }
    const reasons = writes.map(({ write }) => ({
      Code: this.#isPermitted(write) ? 'None' : 'ConditionalCheckFailed',
    }));
    if (reasons.some(({ Code }) => Code !== 'None')) {
      throw new TransactionCanceledException({
        message: 'Transaction cancelled',
        $metadata: {},
        CancellationReasons: reasons,
      });
    }
    for (const { write, isCheck } of writes) {
      if (!isCheck) {
        this.#apply(write);
      }
    }
    return {};
  }

  #query(query: QueryCommand['input']): unknown {
    const { KeyConditionExpression, FilterExpression, ProjectionExpression, Limit, ScanIndexForward } = query;
    if (query.IndexName !== undefined) {
      throw new Error('The table has no index');
    }
    const placeholders = {
      names: query.ExpressionAttributeNames,
      values: plain(query.ExpressionAttributeValues ?? {}),
    };
    const pk = /^\s*pk\s*=\s*(:\w+)/.exec(KeyConditionExpression ?? '')?.[1] ?? '';
    let found = this.#sorted(String(placeholders.values[pk])).filter((item) =>
      holds(KeyConditionExpression, placeholders, item),
    );
    if (ScanIndexForward === false) {
      found.reverse();
    }
    const start = query.ExclusiveStartKey?.['sk'];
    if (typeof start === 'string') {
      found = found.filter(({ sk }) =>
        ScanIndexForward === false ? String(sk) < start : String(sk) > start,
      );
    }
    const page = found.slice(0, Limit);
    const last = page.length < found.length ? page.at(-1) : undefined;
    const Items = page
      .filter((item) => holds(FilterExpression, placeholders, item))
      .map((item) => projected(ProjectionExpression, placeholders, item));
    return {
      ...(query.Select === 'COUNT' ? {} : { Items }),
      Count: Items.length,
      ...(last === undefined ? {} : { LastEvaluatedKey: { pk: last['pk'], sk: last['sk'] } }),
    };
  }

  #batchGet(request: NonNullable<BatchGetCommand['input']['RequestItems']>): unknown {
    const Responses: Record<string, Item[]> = {};
    for (const [
      table,
      { Keys = [], ProjectionExpression, ExpressionAttributeNames: names },
    ] of Object.entries(request)) {
      if (Keys.length > MAX_BATCH_GET) {
        throw new RangeError(`${Keys.length} keys at once`);
      }
      Responses[table] = Keys.flatMap((key) => {
        const item = this.#find(key);
        return item === undefined ? [] : [projected(ProjectionExpression, { names }, item)];
      });
    }
    return { Responses, UnprocessedKeys: {} };
  }

  #batchWrite(request: NonNullable<BatchWriteCommand['input']['RequestItems']>): unknown {
    for (const writes of Object.values(request)) {
      if (writes.length > MAX_BATCH_WRITE) {
        throw new RangeError(`${writes.length} writes at once`);
      }
      for (const { PutRequest, DeleteRequest } of writes) {
        this.#apply(PutRequest ?? DeleteRequest ?? {});
      }
    }
    return { UnprocessedItems: {} };
  }

  #find(key: Item): Item | undefined {
    const { pk, sk } = namesOf(key);
    return this.#partitions.get(pk)?.get(sk);
  }

  #sorted(pk: string): Item[] {
    return [...(this.#partitions.get(pk) ?? [])]
      .sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
      .map(([, item]) => item);
  }
}

function nameOf(command: unknown): string {
  return command !== null && typeof command === 'object'
    ? command.constructor.name.replace('Command', '')
    : '';
}

function keyOf({ Key, Item }: Write): Item {
  return Key ?? Item ?? {};
}

function namesOf({ pk, sk }: Item): { readonly pk: string; readonly sk: string } {
  if (typeof pk !== 'string' || typeof sk !== 'string' || pk === '' || sk === '') {
    throw new TypeError(`No key: ${JSON.stringify({ pk, sk })}`);
  }
  return { pk, sk };
}

function placeholdersOf(write: Write): Placeholders {
  return { names: write.ExpressionAttributeNames, values: plain(write.ExpressionAttributeValues ?? {}) };
}

/** As the marshaller of the document client leaves values: without what is undefined, and of DynamoDB's types only. */
function plain(item: Item): Item {
  return Object.fromEntries(
    Object.entries(item).flatMap(([name, value]) => (value === undefined ? [] : [[name, marshalled(value)]])),
  );
}

function marshalled(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((each) => each !== undefined).map(marshalled);
  }
  if (value instanceof Set || value instanceof Uint8Array) {
    return structuredClone(value);
  }
  if (value !== null && typeof value === 'object') {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      throw new TypeError(`DynamoDB has no type for ${value.constructor.name}`);
    }
    return plain({ ...value });
  }
  return value;
}
