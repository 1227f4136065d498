import { serve } from '../../../src/operations/serve/serve.js';
import { describeRegistry } from '../../server/registry-contract.js';
import { ask } from '../../support/registry-server.js';
import { useFolder } from '../../support/temporary.js';

describe('serve', () => {
  const inFolder = useFolder('the suite');

  describeRegistry('a layout that takes pushes', async () => {
    const options = { port: 0, writable: true, push: { allowSparse: true } };
    const { port, close } = await serve(inFolder('layout'), options);
    return { ask: (path, asking) => ask(port, path, asking), close };
  });
});
