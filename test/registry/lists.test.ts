import assert from 'node:assert/strict';
import { isLadingError } from '../../src/errors.js';
import { collect, sendError, sendJSON } from './http-server.js';
import { useRepository } from './repository.js';

const { start, connect } = useRepository();

describe('listTags and listRepositories', () => {
  it('follow links within the origin, relative or absolute', async () => {
    const { server, name } = await start((request, response) => {
      const page = new URL(request.url ?? '', 'http://x').searchParams.get('page') ?? '1';
      const links: Record<string, string> = {
        1: '<list?page=2>; rel="next"',
        2: `<${`http://${request.headers.host}`}/v2/team/app/tags/list?page=3>; rel=next`,
      };
      const link = links[page];
      const headers = link === undefined ? {} : { link };
      sendJSON(response, { tags: page === '3' ? null : [`t${page}a`, `t${page}b`] }, { headers });
    });
    assert.deepEqual(await collect(connect().listTags(name)), ['t1a', 't1b', 't2a', 't2b']);
    assert.equal(server.requests.length, 3);
    assert.equal(server.requests[0], 'GET /v2/team/app/tags/list?n=1000');
  });

  it('go on by the last name when the link leads to another origin', async () => {
    const trap = await start((_, response) => sendJSON(response, { tags: ['trap'] }));
    const { name } = await start((request, response) => {
      const last = new URL(request.url ?? '', 'http://x').searchParams.get('last');
      const headers = { link: `<${trap.server.origin}/v2/x>; rel="next"` };
      if (last === null) sendJSON(response, { tags: ['a', 'b_'] }, { headers });
      else sendJSON(response, { tags: last === 'b_' ? ['c'] : [] });
    });
    assert.deepEqual(await collect(connect().listTags(name)), ['a', 'b_', 'c']);
    assert.equal(trap.server.requests.length, 0);
  });

  for (const link of ['</v2/team/app/tags/list?last=b>', '/v2/team/app/tags/list?last=b; rel="next"']) {
    it(`go on by the last name where a link is not written as one: ${link}`, async () => {
      const { name } = await start((request, response) => {
        const isSecond = request.url?.includes('last=b') === true;
        sendJSON(response, { tags: isSecond ? ['c'] : ['a', 'b'] }, { headers: isSecond ? {} : { link } });
      });
      assert.deepEqual(await collect(connect().listTags(name)), ['a', 'b', 'c']);
    });
  }

  it('end where a link is for something else', async () => {
    const link = '</v2/team/app/tags/list>; rel="first", <https://docs.example/>; rel=help';
    const { server, name } = await start((_, response) =>
      sendJSON(response, { tags: ['a'] }, { headers: { link } }),
    );
    assert.deepEqual(await collect(connect().listTags(name)), ['a']);
    assert.equal(server.requests.length, 1);
  });

  it('go on by the last name after a full page without a link, and stop where that changes nothing', async () => {
    const tags = Array.from({ length: 1000 }, (_, index) => `t${index}`);
    const { server, name } = await start((_, response) => sendJSON(response, { tags }));
    assert.deepEqual(await collect(connect().listTags(name)), tags);
    assert.deepEqual(server.requests.slice(1), ['GET /v2/team/app/tags/list?n=1000&last=t999']);
  });

  for (const [what, base] of [
    ['another scheme', 'https://HOST'],
    ['an inner host', 'http://registry.internal:5000'],
  ] as const) {
    it(`ask for the query of a link at the registry itself when it leads to ${what}`, async () => {
      const { server, name } = await start((request, response) => {
        const link = `<${base.replace('HOST', `${request.headers.host}`)}/v2/team/app/tags/list?page=2>; rel="next"`;
        if (request.url?.includes('page=2')) sendJSON(response, { tags: ['b'] });
        else sendJSON(response, { tags: ['a'] }, { headers: { link } });
      });
      assert.deepEqual(await collect(connect().listTags(name)), ['a', 'b']);
      assert.equal(server.requests[1], 'GET /v2/team/app/tags/list?page=2');
    });
  }

  for (const [status, code] of [
    [400, 'PAGINATION_NUMBER_INVALID'],
    [400, 'UNSUPPORTED'],
    [406, 'UNKNOWN'],
    [422, 'UNKNOWN'],
  ] as const) {
    it(`are asked for without a size where the registry takes none so large: ${status} ${code}`, async () => {
      const { server, name } = await start((request, response) => {
        const { searchParams } = new URL(request.url ?? '', 'http://x');
        if (searchParams.has('n')) sendError(response, status, code);
        else sendJSON(response, { tags: { a: ['b', 'c'], c: [] }[searchParams.get('last') ?? ''] ?? ['a'] });
      });
      assert.deepEqual(await collect(connect().listTags(name)), ['a', 'b', 'c']);
      assert.deepEqual(
        server.requests.map((line) => line.replace(/^.*list/, '')),
        ['?n=1000', '', '?last=a', '?last=c'],
      );
    });
  }

  it('fail where the registry refuses them with and without a size', async () => {
    const { server, name } = await start((_, response) => sendError(response, 400, 'NAME_INVALID'));
    await assert.rejects(collect(connect().listTags(name)), { status: 400 });
    assert.equal(server.requests.length, 2);
  });

  it('stop at a link that repeats itself', async () => {
    const { server, name } = await start((_, response) =>
      sendJSON(
        response,
        { tags: ['a'] },
        { headers: { link: '</v2/team/app/tags/list?n=1000>; rel="next"' } },
      ),
    );
    assert.deepEqual(await collect(connect().listTags(name)), ['a']);
    assert.equal(server.requests.length, 2);
  });

  it('leave out what cannot be a name, with a warning', async () => {
    const { name } = await start((_, response) => sendJSON(response, { tags: ['ok', '../x', 'b\u001b[2J'] }));
    const warnings: string[] = [];
    const client = connect({ onWarning: (warning) => warnings.push(warning) });
    assert.deepEqual(await collect(client.listTags(name)), ['ok']);
    assert.equal(warnings.length, 2);
  });

  it('refuse what is not a list', async () => {
    for (const document of [{ tags: 'a' }, { tags: [1] }]) {
      const { name } = await start((_, response) => sendJSON(response, document));
      await assert.rejects(collect(connect().listTags(name)), (error) => isLadingError(error, 'REGISTRY'));
    }
  });

  it('list the repositories of a catalog', async () => {
    const { server, name } = await start((_, response) => sendJSON(response, { repositories: ['a', 'b/c'] }));
    assert.deepEqual(await collect(connect().listRepositories(name.registry)), ['a', 'b/c']);
    assert.deepEqual(server.requests, ['GET /v2/_catalog?n=1000']);
  });
});
