import { Writable } from 'node:stream'
import { keepNoPacketNumbers } from './packet-memory.ts'
import mqttPacket from 'mqtt-packet'
import numbers from 'mqtt-packet/numbers.js'
import { expect, test } from 'vitest'

test('packets are written without the table of all packet numbers', () => {
  keepNoPacketNumbers()
  const bytes = mqttPacket.generate({ cmd: 'puback', messageId: 0xabcd })
  expect([...bytes]).toEqual([0x40, 2, 0xab, 0xcd])
  expect(Object.keys(numbers.cache)).toHaveLength(0)
})

test('the lengths that the writer remembers keep no buffer pools alive', async () => {
  const chunks: Buffer[] = []
  const stream = new Writable({ write(chunk: Buffer, _encoding, done) { chunks.push(chunk); done() } })
  mqttPacket.writeToStream({ cmd: 'publish', topic: 't', payload: 'x'.repeat(1000), qos: 0, dup: false, retain: false }, stream)
  // The writer uncorks the stream on the next tick.
  await new Promise(setImmediate)
  // Remaining length: two bytes of topic length, the topic, the payload (1,003 = 0x6b + 7 * 128).
  const length = chunks.find((chunk) => chunk.length === 2 && chunk[0] === 0xeb && chunk[1] === 0x07)
  expect(length?.buffer.byteLength).toBe(2)
})
