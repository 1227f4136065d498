import assert from 'node:assert/strict';
import { isLadingError } from '../../src/errors.js';
import { fixture } from '../support/fixtures.js';
import { blob, manifestDigest, useRepository } from './repository.js';

const { start, connect } = useRepository();

interface Exchange {
  note: string;
  request: { method: string; path: string };
  response: { status: number; headers: [string, string][]; body: unknown };
}

describe('recorded answers of docker-registry 2.8', () => {
  const { exchanges }: { exchanges: Exchange[] } = JSON.parse(
    fixture('http/docker-registry-2.8.2.json').toString(),
  );
  const find = (note: string) => exchanges.find((exchange) => exchange.note === note);

  async function replay(note: string) {
    const exchange = find(note);
    assert.ok(exchange, note);
    const { status, headers, body } = exchange.response;
    const { name } = await start((_, response) => {
      response.writeHead(status, headers.flat());
      if (typeof body !== 'string') response.end();
      else response.write(body, () => response.destroy()); // sends what was recorded, whatever length was announced
    });
    return name;
  }

  it('an unknown tag is NOT_FOUND with its code', async () => {
    const name = await replay('unknown tag');
    await assert.rejects(
      connect({ retries: 0 }).getManifest(name, 'nope'),
      (error) => isLadingError(error, 'NOT_FOUND') && /MANIFEST_UNKNOWN/.test(error.message),
    );
  });

  it('its referrers are unsupported', async () => {
    const name = await replay('referrers is not implemented in 2.8');
    assert.equal(await connect({ retries: 0 }).listReferrers(name, manifestDigest), undefined);
  });

  it('its refusal of a range is told by the head alone', async () => {
    const name = await replay('blob range unsatisfiable');
    await assert.rejects(connect({ retries: 0 }).getBlob(name, blob, { start: 5 }), (error) =>
      isLadingError(error, 'REGISTRY'),
    );
  });
});
