import type { Context } from 'mocha';
import type { BucketService } from './bucket-service.js';
import { freePort, startDaemon } from './daemon.js';
import { pythonWith } from './python.js';

/**
 * Starts moto's server, which imitates Amazon's services in memory, with the bucket `images`. It knows conditional writes,
 * but compares nothing with the digest that was signed, and takes any key.
 */
export async function startMoto(context: Context): Promise<BucketService> {
  const python = await pythonWith(context, 'moto[server]');
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const args = ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)];
  const { stop } = await startDaemon(python, args, {
    ready: () =>
      fetch(`${endpoint}/images`, { method: 'PUT' }).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  return {
    environment: () => ({
      AWS_ACCESS_KEY_ID: 'interop',
      AWS_SECRET_ACCESS_KEY: 'interop-secret',
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_EC2_METADATA_DISABLED: 'true',
    }),
    stop,
  };
}
