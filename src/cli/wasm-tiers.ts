/** The types of Node.js 20 do not have it. */
declare const WebAssembly: { Module: new (...args: unknown[]) => object };

const FLAGS = ['wasm-dynamic-tiering', 'wasm-tier-up'];

/**
 * Makes V8 run WebAssembly as it is compiled first. undici parses HTTP in WebAssembly. V8 would optimize that code after
 * some hundred requests, which takes 100 ms of processor time and 37 MiB of memory, and pays off only after very many
 * more. (A budget is no help: one loop of the parser uses up the largest that V8 accepts.)
 *
 * V8 rejects compiled code that was kept under other flags: that of Node.js' own modules, and the compile cache. So the
 * flags are set when the first module is made, after everything was loaded, and not when the process writes its cache.
 */
export function keepWasmUnoptimized(): void {
  const { Module } = WebAssembly;
  WebAssembly.Module = new Proxy(Module, {
    construct(target, args) {
      WebAssembly.Module = Module;
      const { setFlagsFromString } = process.getBuiltinModule('node:v8');
      for (const flag of FLAGS) setFlagsFromString(`--no-${flag}`);
      process.on('exit', () => {
        for (const flag of FLAGS) setFlagsFromString(`--${flag}`);
      });
      return Reflect.construct(target, args);
    },
  });
}
