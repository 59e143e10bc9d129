import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type CustomResourceRequest,
  putAnswer,
  serveCustomResource,
} from '../../../functions/shared/cloudformation/custom-resource.ts';

const EVENT = {
  RequestType: 'Create',
  ResponseURL: 'https://cloudformation.example/answer?signature=abc',
  StackId: 'stack',
  RequestId: 'request',
  LogicalResourceId: 'Admin',
  ResourceType: 'Custom::LogferryFirstAdmin',
  ResourceProperties: { Revision: '1' },
};

async function serve(
  event: unknown,
  perform: (request: CustomResourceRequest) => Promise<string>,
): Promise<{ readonly url: string; readonly body: unknown }[]> {
  const answers: { url: string; body: unknown }[] = [];
  await serveCustomResource(event, {
    perform,
    answer: async (url, body) => {
      answers.push({ url, body: JSON.parse(Buffer.from(body).toString('utf8')) });
    },
    logger: { info: () => undefined, error: () => undefined },
  });
  return answers;
}

describe('serveCustomResource', () => {
  it('answers with the id of what was made', async () => {
    expect(await serve(EVENT, async () => 'admin@1')).toEqual([
      {
        url: EVENT.ResponseURL,
        body: {
          Status: 'SUCCESS',
          PhysicalResourceId: 'admin@1',
          StackId: 'stack',
          RequestId: 'request',
          LogicalResourceId: 'Admin',
        },
      },
    ]);
  });

  it('passes on what is asked for', async () => {
    const requests: CustomResourceRequest[] = [];
    await serve({ ...EVENT, RequestType: 'Update', PhysicalResourceId: 'admin@1' }, async (request) => {
      requests.push(request);
      return 'admin@2';
    });
    expect(requests).toEqual([{ type: 'Update', physicalResourceId: 'admin@1' }]);
  });

  it.each([
    ['Create', undefined, 'request'],
    ['Update', 'admin@1', 'admin@1'],
  ])('answers a failed %s, under the id that there is', async (RequestType, PhysicalResourceId, expected) => {
    const answers = await serve({ ...EVENT, RequestType, PhysicalResourceId }, async () => {
      throw new Error('no table');
    });
    expect(answers.map(({ body }) => body)).toEqual([
      expect.objectContaining({ Status: 'FAILED', Reason: 'no table', PhysicalResourceId: expected }),
    ]);
  });

  it('refuses an event without a place for the answer', async () => {
    const { ResponseURL: _, ...event } = EVENT;
    await expect(serve(event, async () => 'admin@1')).rejects.toThrow('ResponseURL');
  });
});

describe('putAnswer', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  async function listen(statuses: readonly number[]): Promise<{ url: string; received: string[] }> {
    const received: string[] = [];
    const replies = [...statuses];
    const listening = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) {
        chunks.push(chunk);
      }
      const { method, headers } = request;
      received.push(
        `${method} ${headers['content-type'] ?? 'no type'} ${headers['content-length']} ${Buffer.concat(chunks)}`,
      );
      response.writeHead(replies.shift() ?? 500).end();
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const address = listening.address();
    if (address === null || typeof address === 'string') {
      throw new Error('The server does not listen on a port');
    }
    return { url: `http://127.0.0.1:${address.port}/answer`, received };
  }

  it('sends no content type: the URL is signed for none', async () => {
    const { url, received } = await listen([200]);
    await putAnswer(url, Buffer.from('{}'));
    expect(received).toEqual(['PUT no type 2 {}']);
  });

  it('tries three times', async () => {
    const patient = await listen([500, 503, 200]);
    await putAnswer(patient.url, Buffer.from('{}'));
    expect(patient.received).toHaveLength(3);
    server?.close();

    const { url, received } = await listen([500, 500, 500, 200]);
    await expect(putAnswer(url, Buffer.from('{}'))).rejects.toThrow('CloudFormation did not take the answer');
    expect(received).toHaveLength(3);
  });
});
