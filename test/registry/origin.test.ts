import assert from 'node:assert/strict';
import {
  hostnameOf,
  hostOf,
  isLocalAddress,
  isLoopback,
  isPrivateAddress,
} from '../../src/registry/origin.js';

const hostname = (host: string) => hostnameOf(new URL(`http://${host}`));

describe('hostOf', () => {
  it('knows where Docker Hub is served, and leaves all others', () => {
    assert.equal(hostOf('docker.io'), 'registry-1.docker.io');
    assert.equal(hostOf('reg.example:5000'), 'reg.example:5000');
  });
});

describe('kinds of hosts', () => {
  const hosts: [host: string, isLoopback: boolean, isLocal: boolean, isPrivate: boolean][] = [
    ['localhost:5000', true, true, false],
    ['127.9.9.9', true, true, true],
    ['[::1]:5000', true, true, true],
    ['[::ffff:127.0.0.1]', true, true, true],
    ['[::127.0.0.1]', true, true, true],
    ['[::ffff:0:127.0.0.1]', true, true, true],
    ['[64:ff9b::10.0.0.1]', false, false, true],
    ['localhost.:5000', true, true, false],
    ['registry.localhost', false, true, false], // not trusted as loopback, but refused in URLs from others
    ['0x7f000001', true, true, true], // URL normalizes it to 127.0.0.1
    ['0.0.0.0', false, true, true],
    ['169.254.169.254', false, true, true],
    ['[fe80::1]', false, true, true],
    ['10.0.0.1', false, false, true],
    ['172.31.0.1', false, false, true],
    ['172.32.0.1', false, false, false],
    ['192.168.1.1', false, false, true],
    ['[fd12::1]', false, false, true],
    ['8.8.8.8', false, false, false],
    ['127.0.0.1.example', false, false, false],
    ['localhost.example', false, false, false],
    ['fd12.example', false, false, false],
  ];
  for (const [host, loopback, local, priv] of hosts) {
    it(`tells what ${host} is`, () => {
      const name = hostname(host);
      assert.deepEqual(
        [isLoopback(name), isLocalAddress(name), isPrivateAddress(name)],
        [loopback, local, priv],
      );
    });
  }
});
