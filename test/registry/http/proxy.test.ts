import assert from 'node:assert/strict';
import { proxyFor } from '../../../src/registry/http/proxy.js';

const environment = { HTTPS_PROXY: 'http://secure:1', HTTP_PROXY: 'plain:2' };

function proxy(url: string, more: NodeJS.ProcessEnv = {}) {
  return proxyFor(new URL(url), { ...environment, ...more });
}

describe('proxyFor', () => {
  it('chooses by the scheme of the URL, and adds the scheme a proxy lacks', () => {
    assert.equal(proxy('https://reg.example'), 'http://secure:1');
    assert.equal(proxy('http://reg.example'), 'http://plain:2');
    assert.equal(proxyFor(new URL('https://reg.example'), { HTTP_PROXY: 'http://plain:2' }), undefined);
  });

  it('prefers the lower-case name', () => {
    assert.equal(proxy('https://reg.example', { https_proxy: 'http://lower:3' }), 'http://lower:3');
  });

  it('takes ALL_PROXY where the scheme has none of its own; one that is empty says none', () => {
    const all = { ALL_PROXY: 'socks5h://all:1080' };
    assert.equal(proxyFor(new URL('https://reg.example'), all), 'socks5h://all:1080');
    assert.equal(proxyFor(new URL('http://reg.example'), all), 'socks5h://all:1080');
    assert.equal(proxy('https://reg.example', all), 'http://secure:1');
    assert.equal(proxyFor(new URL('https://reg.example'), { ...all, HTTPS_PROXY: '' }), undefined);
  });

  it('refuses a scheme that it does not speak, by its name', () => {
    for (const scheme of ['socks4', 'ftp', 'pac+http'])
      assert.throws(
        () => proxyFor(new URL('https://reg.example'), { ALL_PROXY: `${scheme}://user:secret@x:1` }),
        {
          code: 'USAGE',
          message: `ALL_PROXY names a proxy with ${scheme}://, which lading does not support`,
        },
      );
  });

  it('never goes through a proxy to loopback', () => {
    for (const host of ['127.0.0.1:5000', 'localhost', '[::1]:5000'])
      assert.equal(proxy(`https://${host}`), undefined, host);
  });

  const excepted: [exceptions: string, url: string, isExcepted: boolean][] = [
    ['*', 'https://reg.example', true],
    ['reg.example', 'https://reg.example', true],
    ['reg.example', 'https://sub.reg.example', true],
    ['reg.example', 'https://otherreg.example', false],
    ['.reg.example', 'https://reg.example', false],
    ['.reg.example', 'https://sub.reg.example', true],
    ['a,reg.example:5000', 'https://reg.example:5000', true],
    ['reg.example:5000', 'https://reg.example', false],
    ['REG.example', 'https://reg.EXAMPLE', true],
    ['10.0.0.0/8', 'https://10.1.2.3:5000', true],
    ['10.0.0.0/8', 'https://11.1.2.3', false],
    ['10.0.0.0/x 10.1.2.3', 'https://10.1.2.3', true],
    ['1.2.3', 'https://0.1.2.3', false],
    ['fd00::/8', 'https://[fd00::1]', true],
    ['[fd00::1]:443', 'https://[fd00::1]', true],
  ];
  for (const [exceptions, url, isExcepted] of excepted) {
    it(`with NO_PROXY=${exceptions} goes to ${url} ${isExcepted ? 'directly' : 'through the proxy'}`, () => {
      assert.equal(proxy(url, { NO_PROXY: exceptions }) === undefined, isExcepted);
    });
  }

  it('names the variable, and not the password, when the value is no URL', () => {
    assert.throws(
      () => proxy('https://reg.example', { HTTPS_PROXY: 'http://user:secret@:x:y' }),
      (error: Error) => /HTTPS_PROXY is not a URL/.test(error.message) && !error.message.includes('secret'),
    );
  });
});
