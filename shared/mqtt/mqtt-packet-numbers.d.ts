declare module 'mqtt-packet/numbers.js' {
  const numbers: { cache: Record<number, Buffer>; genBufVariableByteInt(length: number): Buffer }
  export default numbers
}
