import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from 'mocha';
import type { BucketService } from './bucket-service.js';
import { freePort, startDaemon } from './daemon.js';
import { peer } from './peers.js';
import { KEY } from './versitygw.js';
import { temporaryFolder } from './workplace.js';

/**
 * Starts `rclone serve s3` over a folder, with the bucket `images`. It knows conditional writes, also where parts are
 * joined, but compares nothing with the digest that was signed.
 */
export async function startRclone(context: Context): Promise<BucketService> {
  const { program } = await peer(context, 'rclone');
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
