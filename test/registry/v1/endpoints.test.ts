import assert from 'node:assert/strict';
import { endpointsOf } from '../../../src/registry/v1/endpoints.js';

function endpoints(said: string | string[], index = 'https://index.example', plainHTTP = false): string[] {
  return endpointsOf({ 'x-docker-endpoints': said }, new URL(index), plainHTTP).map(({ href }) => href);
}

describe('endpointsOf', () => {
  it('speaks to the registries that an index names as to the index itself', () => {
    assert.deepEqual(endpoints('a.example, b.example:5000'), [
      'https://a.example/',
      'https://b.example:5000/',
    ]);
    assert.deepEqual(endpoints(['a.example', 'a.example']), ['https://a.example/']);
    assert.deepEqual(endpoints('a.example', 'http://10.0.0.1', true), ['http://a.example/']);
    assert.deepEqual(endpoints(''), []);
    assert.equal(endpoints(Array.from({ length: 50 }, (_, place) => `r${place}.example`)).length, 8);
  });

  it('takes an http index on loopback for no leave to speak http elsewhere', () => {
    assert.deepEqual(endpoints('localhost:2', 'http://127.0.0.1:1'), ['http://localhost:2/']);
    assert.throws(() => endpoints('a.example', 'http://127.0.0.1:1'), { code: 'DENIED' });
  });

  for (const host of ['127.0.0.1', 'localhost:1', '169.254.169.254', '10.0.0.1:5000', '[::1]', '[fd00::1]:1'])
    it(`refuses ${host} from an index on the network`, () => {
      assert.throws(() => endpoints(host), { code: 'DENIED' });
    });

  for (const text of ['http://a.example', 'a.example/path', 'user@a.example', 'a b', 'a.example:99999', '..'])
    it(`refuses "${text}"`, () => {
      assert.throws(() => endpoints(text), { code: 'DENIED' });
    });
});
