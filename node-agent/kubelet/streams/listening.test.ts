import { expect, it } from 'vitest'
import { listeningOn } from './listening.ts'

const head = '  sl  local_address rem_address   st tx_queue rx_queue'
const row = (address: string, state = '0A'): string => `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1`
const [none4, none6] = ['00000000', '0'.repeat(32)]

it.each([
  ['any address', [row(`${none4}:1F90`)], [], 'any'],
  ['any address of both families', [], [row(`${none6}:1F90`)], 'any'],
  ['one address of the pod', [row('0200F40A:1F90')], [], 'any'],
  ['the loopback', [row('0100007F:1F90')], [], 'loopback4'],
  ['the loopback of IPv6', [], [row(`${'0'.repeat(24)}01000000:1F90`)], 'loopback6'],
  ['the loopback through IPv6', [], [row('0000000000000000FFFF00000100007F:1F90')], 'loopback4'],
  ['the loopback and another', [row('0100007F:1F90'), row('0200F40A:1F90')], [], 'any'],
  ['another port', [row(`${none4}:1F91`)], [], undefined],
  ['a connection, no listener', [row('0200F40A:1F90', '01')], [], undefined],
  ['nothing', [], [], undefined],
] as const)('port 8080 on %s', (_what, tcp, tcp6, where) => {
  expect(listeningOn(8080, { tcp: [head, ...tcp].join('\n'), tcp6: [head, ...tcp6].join('\n') })).toBe(where)
})
