import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { connect } from '../../src/registry/connect.js';
import { makeCertificate } from '../support/certificates.js';
import { useFolder } from '../support/temporary.js';

describe('connect', () => {
  const path = useFolder();

  it('refuses a file of authorities without a certificate in it, and one that is not there', async () => {
    await writeFile(path('der.crt'), Buffer.from([0x30, 0x82, 0x01, 0x00]));
    await writeFile(path('ca.pem'), makeCertificate().cert);
    const connecting = (name: string) => connect({ caFile: path(name), registriesConf: false }, []);
    await assert.rejects(connecting('der.crt'), {
      code: 'USAGE',
      message: `${path('der.crt')} does not contain a certificate in PEM format`,
      hint: /openssl x509/,
    });
    await assert.rejects(connecting('missing.pem'), { code: 'NOT_FOUND' });
    await (await connecting('ca.pem')).close();
  });

  it('takes a client certificate and its key, of two files or of one, and refuses one alone', async () => {
    const { cert, key } = makeCertificate();
    await writeFile(path('cert.pem'), cert);
    await writeFile(path('key.pem'), key);
    await writeFile(path('both.pem'), key + cert);
    const connecting = (certFile?: string, keyFile?: string) =>
      connect(
        {
          certFile: certFile && path(certFile),
          keyFile: keyFile && path(keyFile),
          registriesConf: false,
        },
        [],
      );
    for (const [certFile, keyFile] of [['cert.pem', 'key.pem'], ['both.pem'], [undefined, 'both.pem']])
      await (await connecting(certFile, keyFile)).close();
    const advice = { hint: /^Name the files of both, or one file that holds/, remedy: 'certFile' };
    await assert.rejects(connecting('cert.pem'), { code: 'USAGE', message: /without its key/, ...advice });
    await assert.rejects(connecting(undefined, 'key.pem'), {
      code: 'USAGE',
      message: /cannot be used without the certificate/,
      ...advice,
    });
  });
});
