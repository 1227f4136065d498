/** The types of Node.js 20 do not have it. */
declare const WebAssembly: { Module: new (...args: unknown[]) => object };

/** Each flag of V8 as it is set, and as it was before. */
const FLAGS = [
  ['--no-wasm-dynamic-tiering', '--wasm-dynamic-tiering'],
  ['--no-wasm-tier-up', '--wasm-tier-up'],
  ['--heap-growing-percent=30', '--heap-growing-percent=0'],
] as const;

/**
 * Makes V8 run WebAssembly as it is compiled first. undici parses HTTP in WebAssembly. V8 would optimize that code after
 * some hundred requests, which takes 100 ms of processor time and 37 MiB of memory, and pays off only after very many
 * more. (A budget is no help: one loop of the parser uses up the largest that V8 accepts.)
 *
 * It also makes V8 collect whenever the heap has grown by 30%, not to several times what is alive: requests leave much
 * behind that lived for a moment too long to be collected cheaply, after 500 images two thirds of the heap.
 *
 * V8 rejects compiled code that was kept under other flags: that of Node.js' own modules, and the compile cache. So the
 * flags are set when the first module is made, after everything was loaded, and not when the process writes its cache.
 */
export function takeLessMemory(): void {
  const { Module } = WebAssembly;
  WebAssembly.Module = new Proxy(Module, {
    construct(target, args) {
      WebAssembly.Module = Module;
      const { setFlagsFromString } = process.getBuiltinModule('node:v8');
      for (const [flag] of FLAGS) setFlagsFromString(flag);
      process.on('exit', () => {
        for (const [, before] of FLAGS) setFlagsFromString(before);
      });
      return Reflect.construct(target, args);
    },
  });
}
