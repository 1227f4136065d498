import { serveWritable } from '../support/writable-server.js';
import { describeRegistry } from './registry-contract.js';

describeRegistry('memory', () => serveWritable({ allowSparse: true }));
