import { createRegistryClient } from '../src/registry/client.js';
import { createRemoteStore } from '../src/store/remote.js';
import { openDirectory } from '../src/files.js';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as tcp } from 'node:net';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
const dir='/tmp/lading-bench-push'; mkdirSync(dir,{recursive:true});
const size=300_000_000; 
const bytes=randomBytes(size); writeFileSync(dir+'/b',bytes); const digest=('sha256:'+createHash('sha256').update(bytes).digest('hex')) as any;
const view=openDirectory(dir);
const host=process.argv[2]!; const mode=process.argv[3]??'view';
async function* reused(start:number){ const fh=await open(dir+'/b'); try { const bufs=[Buffer.allocUnsafeSlow(1<<20),Buffer.allocUnsafeSlow(1<<20)] as const; let pos=start, i=0; let next=fh.read(bufs[0],0,1<<20,pos); while(pos<size){ const {bytesRead,buffer}=await next; pos+=bytesRead; i^=1; if(pos<size) next=fh.read(bufs[i as 0|1],0,1<<20,pos); yield buffer.subarray(0,bytesRead);} } finally { await fh.close(); } }
for (let n=0;n<4;n++){
 const c=createRegistryClient({plainHTTP:true,environment:{}});
 const s=createRemoteStore(c,{registry:host,repository:`bench/${mode}${n}-${Date.now()}`});
 const t=performance.now(), u=process.cpuUsage();
 const openB = mode==='view' ? ({start=0}:any={})=>view.open('b',{start}) : async ({start=0}:any={})=> Object.assign(Readable.from([]),{ iterator: ()=>reused(start)}) as any;
 let v: any; if (mode==='hash') v=1;
 await s.push({mediaType:'x/y',digest,size}, mode==='hash'? async ({start=0}:any={})=>{ const h=createHash('sha256'); const st=await view.open('b',{start}); return Readable.from((async function*(){ for await (const ch of st){h.update(ch as any); yield ch;} })(),{objectMode:false}) } : openB);
 const cpu=process.cpuUsage(u); console.log(mode, Math.round(performance.now()-t)+' ms', Math.round((cpu.user+cpu.system)/1000)+' ms cpu', Math.round(process.memoryUsage().rss/1e6)+' MB');
 await c.close();
}
process.exit();
