import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { createCredentialProvider } from '../../../src/registry/auth/credentials.js';
import { useFolder } from '../../support/temporary.js';

const REGISTRY = 'reg.example:5000';
const auth = (login: string): string => Buffer.from(login).toString('base64');
const OWN = { auth: auth('u:p') };

/** Configuration files as docker, crane or skopeo accept them, beyond what their manuals say. */
describe('createCredentialProvider, odd configuration files', () => {
  const path = useFolder();

  async function lookup(document: unknown): Promise<{ login: string | undefined; warnings: string[] }> {
    await mkdir(path('bin'));
    for (const [suffix, script] of Object.entries(HELPERS)) {
      await writeFile(path(`bin/docker-credential-${suffix}`), `#!/bin/sh\ncat >/dev/null\n${script}\n`);
      await chmod(path(`bin/docker-credential-${suffix}`), 0o755);
    }
    const authFile = path('config.json');
    await writeFile(authFile, typeof document === 'string' ? document : JSON.stringify(document));
    const warnings: string[] = [];
    const provider = createCredentialProvider({
      authFile,
      environment: { PATH: `${path('bin')}${delimiter}${process.env.PATH}` },
      onWarning: (text) => warnings.push(text),
    });
    const found = await provider(REGISTRY, 'team/app');
    return { login: found && `${found.username}:${found.password}`, warnings };
  }

  const HELPERS: Record<string, string> = {
    good: `echo '{"ServerURL":"x","Username":"helped","Secret":"s"}'`,
    chatty: `echo 'WARNING: {new} version'; echo '{"Username":"helped","Secret":"s"}'; echo bye`,
    multiline: `printf 'notice\\n{\\n"Username":"helped",\\n"Secret":"s"\\n}\\nbye\\n'`,
    lower: `echo '{"username":"helped","secret":"s"}'`,
    fails: `echo 'no DISPLAY'; exit 1`,
    none: `echo 'credentials not found in native keychain'; exit 1`,
    mac: `echo 'The specified item could not be found in the keychain.'; exit 1`,
  };

  const taken: [what: string, document: unknown, login?: string | undefined][] = [
    ['a key with a slash at the end', { auths: { [`${REGISTRY}/`]: OWN } }],
    ['a key with a version', { auths: { [`${REGISTRY}/v1/`]: OWN } }],
    ['a key with a version and no slash', { auths: { [`${REGISTRY}/v2`]: OWN } }],
    ['a key with a scheme and a version', { auths: { [`https://${REGISTRY}/v1/`]: OWN } }],
    ['a key with http', { auths: { [`http://${REGISTRY}`]: OWN } }],
    ['a namespace with a slash at the end', { auths: { [`${REGISTRY}/team/`]: OWN } }],
    [
      'a namespace before the host',
      { auths: { [REGISTRY]: { auth: auth('a:b') }, [`${REGISTRY}/team`]: OWN } },
    ],
    [
      'an entry of another host that is not base64',
      { auths: { 'o.example': { auth: '!' }, [REGISTRY]: OWN } },
    ],
    [
      'an entry of another host without colon',
      { auths: { 'o.example': { auth: auth('t') }, [REGISTRY]: OWN } },
    ],
    ['an entry of another host that is text', { auths: { 'o.example': 'x', [REGISTRY]: OWN } }],
    ['an entry of another host that is null', { auths: { 'o.example': null, [REGISTRY]: OWN } }],
    [
      'auth null beside username and password',
      { auths: { [REGISTRY]: { auth: null, username: 'u', password: 'p' } } },
    ],
    ['auth with a line end', { auths: { [REGISTRY]: { auth: `${auth('u:p')}\n` } } }],
    ['credsStore null', { auths: { [REGISTRY]: OWN }, credsStore: null }],
    ['an empty credsStore', { auths: { [REGISTRY]: OWN }, credsStore: '' }],
    ['a credsStore that is false and not needed', { auths: { [REGISTRY]: OWN }, credsStore: false }],
    ['a credsStore that fails and is not needed', { auths: { [REGISTRY]: OWN }, credsStore: 'fails' }],
    ['credHelpers null', { auths: { [REGISTRY]: OWN }, credHelpers: null }],
    ['an empty helper of the host', { auths: { [REGISTRY]: OWN }, credHelpers: { [REGISTRY]: '' } }],
    ['a null helper of the host', { auths: { [REGISTRY]: OWN }, credHelpers: { [REGISTRY]: null } }],
    ['a null helper of another host', { auths: { [REGISTRY]: OWN }, credHelpers: { 'o.example': null } }],
    [
      'a helper of another host that is a number',
      { auths: { [REGISTRY]: OWN }, credHelpers: { 'o.example': 1 } },
    ],
    ['a byte order mark', `\ufeff${JSON.stringify({ auths: { [REGISTRY]: OWN } })}`],
    ['members in other cases', { Auths: { [REGISTRY]: { Auth: auth('u:p') } } }],
    [
      'an empty helper of the host instead of the store',
      { credsStore: 'good', credHelpers: { [REGISTRY]: '' } },
      undefined,
    ],
    ['a helper under a key with a slash', { credHelpers: { [`${REGISTRY}/`]: 'good' } }, 'helped:s'],
    ['a helper under a URL', { credHelpers: { [`https://${REGISTRY}/v2/`]: 'good' } }, 'helped:s'],
    ['a helper that prints lines around its answer', { credHelpers: { [REGISTRY]: 'chatty' } }, 'helped:s'],
    ['a helper whose answer has several lines', { credHelpers: { [REGISTRY]: 'multiline' } }, 'helped:s'],
    ['a helper with members in lower case', { credHelpers: { [REGISTRY]: 'lower' } }, 'helped:s'],
    [
      'a helper that has nothing, where auths have',
      { auths: { [REGISTRY]: OWN }, credHelpers: { [REGISTRY]: 'none' } },
      undefined,
    ],
    ["a helper that has nothing, in macOS' words", { credHelpers: { [REGISTRY]: 'mac' } }, undefined],
  ];
  for (const [what, document, ...login] of taken) {
    it(`understands ${what}`, async () => {
      const expected = login.length === 0 ? 'u:p' : login[0];
      assert.deepEqual(await lookup(document), { login: expected, warnings: [] });
    });
  }

  it('warns of a helper of the host that fails, and looks no further in its file', async () => {
    const { login, warnings } = await lookup({
      auths: { [REGISTRY]: OWN },
      credHelpers: { [REGISTRY]: 'fails' },
    });
    assert.equal(login, undefined);
    assert.deepEqual(warnings, ['credential helper docker-credential-fails: no DISPLAY']);
  });

  const refused: [what: string, document: unknown, message: RegExp][] = [
    ['its own entry is text', { auths: { [REGISTRY]: 'x' } }, /auths of reg\.example:5000 is not an object/],
    [
      'its own auth is no login',
      { auths: { [REGISTRY]: { auth: '!' } } },
      /auth of reg\.example:5000 is not base64/,
    ],
    [
      'its own helper is a number',
      { credHelpers: { [REGISTRY]: 1 } },
      /credHelpers of reg\.example:5000 is not a string/,
    ],
    ['the store is needed and no name', { credsStore: false }, /credsStore is not a string/],
    ['it has comments', '// mine\n{"auths":{}}', /it is not JSON/],
  ];
  for (const [what, document, message] of refused) {
    it(`refuses a file when ${what}`, async () => {
      await assert.rejects(lookup(document), { code: 'USAGE', message });
    });
  }
});
