/** The package types its index alone. */
declare module 'systeminformation/lib/memory.js' {
  const memory: { mem(): Promise<import('systeminformation').Systeminformation.MemData> }
  export default memory
}
