import { systemClock } from '../shared/clock.ts';
import { environment } from '../shared/environment.ts';
import type { HttpRequest } from '../shared/http/endpoint.ts';
import { mongoOperateLogWriter } from '../shared/operate-log/writer.ts';
import { type Receiver, receiverOf } from '../shared/receiver.ts';
import { originOf } from '../shared/remote/origin.ts';
import { replicaDatabase } from './services.ts';

/** The receiver for a request that changes something: what it does goes to the log, with where it came from. */
export async function changingServices({ request }: { readonly request: HttpRequest }): Promise<Receiver> {
  const env = environment('OPERATE_LOG_COLLECTION', 'TIME_ZONE');
  const database = await replicaDatabase();
  const log = mongoOperateLogWriter({
    log: database.collection(env.OPERATE_LOG_COLLECTION),
    clock: systemClock,
    timeZone: env.TIME_ZONE,
    clientAddress: request.clientAddress,
    origin: originOf(request),
  });
  return receiverOf({ database, clock: systemClock, log });
}
