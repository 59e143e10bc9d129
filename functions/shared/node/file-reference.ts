import { createHash } from 'node:crypto';
import { type Collection, type Db, type Document, type IndexDescription, ObjectId } from 'mongodb';
import { isDuplicateKey } from '../mongodb/duplicate-key.ts';
import { indexedCollection } from '../mongodb/indexes.ts';
import { fileReferenceCollectionOf } from '../mongodb/sharding.ts';

const FILE_REFERENCE_INDEXES: readonly IndexDescription[] = [
  { name: 'sha256_idx', key: { sha256: 1 } },
  { name: 'count_idx', key: { count: 1 } },
];

/** A blob by its digest and the storage that holds it; null is the default storage. */
export interface BlobReference {
  readonly sha256: string;
  readonly credentialsKey: string | null;
}

interface FileReferenceDocument extends Document {
  readonly _id: ObjectId;
  readonly sha256: string;
  readonly credentialsKey: string | null;
  readonly count: number;
}

/**
 * Count one more node that uses a blob, or as many as `times` says. bk-repo removes blobs whose count has gone down to 0, so a count may be
 * too high after a crash, never too low: count before the node is inserted.
 *
 * bk-repo's index on the digest is not unique, so two first references at once could make two documents, of which
 * one reaches 0 while nodes still use the blob. Ours get an `_id` made from the digest: the second is refused and
 * counts on the first's document.
 */
export async function countReference(database: Db, reference: BlobReference, times = 1): Promise<void> {
  const references = await fileReferences(database, reference);
  const increment = () => references.updateOne({ ...reference }, { $inc: { count: times } });
  if ((await increment()).matchedCount > 0) {
    return;
  }
  try {
    await references.insertOne({ _id: documentIdOf(reference), ...reference, count: times });
  } catch (error) {
    if (!isDuplicateKey(error)) {
      throw error;
    }
    await increment();
  }
}

/** Take back a reference whose node was not created. */
export async function discountReference(database: Db, reference: BlobReference): Promise<void> {
  const references = await fileReferences(database, reference);
  await references.updateOne({ ...reference, count: { $gt: 0 } }, { $inc: { count: -1 } });
}

function fileReferences(database: Db, { sha256 }: BlobReference): Promise<Collection<FileReferenceDocument>> {
  return indexedCollection<FileReferenceDocument>({
    database,
    name: fileReferenceCollectionOf(sha256),
    indexes: FILE_REFERENCE_INDEXES,
  });
}

/** Twelve bytes that every writer derives alike from what the reference is about. */
function documentIdOf({ sha256, credentialsKey }: BlobReference): ObjectId {
  const hash = createHash('sha256').update(JSON.stringify([sha256, credentialsKey]));
  return new ObjectId(hash.digest().subarray(0, 12));
}
