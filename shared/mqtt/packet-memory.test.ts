import { createRequire } from 'node:module'
import mqttPacket from 'mqtt-packet'
import { expect, test } from 'vitest'
import { keepNoPacketNumbers } from './packet-memory.ts'

test('packets are written without the table of all packet numbers', () => {
  keepNoPacketNumbers()
  const bytes = mqttPacket.generate({ cmd: 'puback', messageId: 0xabcd })
  expect([...bytes]).toEqual([0x40, 2, 0xab, 0xcd])
  const { cache } = createRequire(import.meta.url)('mqtt-packet/numbers.js') as { cache: object }
  expect(Object.keys(cache)).toHaveLength(0)
})
