import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { createOutput } from '../../src/cli/output.js';
import { type Started, welcome } from '../../src/cli/serve-welcome.js';

describe('what a server says when it starts', () => {
  function said(started: Partial<Started>, addresses: string[]): string[] {
    const stderr = new PassThrough();
    const output = createOutput({
      ...{ json: false, quiet: false, verbose: false, stderr },
      stdout: new PassThrough(),
    });
    const whole: Started = {
      ...{
        host: '0.0.0.0',
        port: 5000,
        scheme: 'http',
        repositories: ['a', 'b'],
        images: ['a:1', 'a:2', 'b:1'],
      },
      ...started,
    };
    welcome(whole, output, addresses);
    return String(stderr.read() ?? '')
      .trimEnd()
      .split('\n');
  }

  it('has the addresses at which others reach it', () => {
    assert.deepEqual(said({ scheme: 'https' }, ['192.0.2.7', '2001:db8::1']), [
      'serving 3 images in 2 repositories',
      'for example: docker pull 192.0.2.7:5000/a:1',
      'from other machines: https://192.0.2.7:5000, https://[2001:db8::1]:5000',
    ]);
    assert.deepEqual(said({}, []).slice(1), ['for example: docker pull 127.0.0.1:5000/a:1']);
    assert.deepEqual(said({ host: 'registry.lan' }, ['192.0.2.7']).slice(1), [
      'for example: docker pull registry.lan:5000/a:1',
    ]);
  });

  it('has no example without an image', () => {
    assert.deepEqual(said({ host: '127.0.0.1', images: [], repositories: [] }, []), [
      'serving 0 images in 0 repositories',
      'from this machine only: --listen 0.0.0.0:5000 opens it to others',
    ]);
  });
});
