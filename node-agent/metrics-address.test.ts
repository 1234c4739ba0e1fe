import { describe, expect, it } from 'vitest'
import { parseConfig, UsageError } from './config.ts'

const addressOf = (...flags: readonly string[]) => {
  const config = parseConfig(['--server', 'https://192.0.2.1:6443', ...flags], {})
  return typeof config === 'string' ? config : config.metricsAddress
}

describe('--metrics-address', () => {
  it('is nothing unless given', () => { expect(addressOf()).toBeUndefined() })
  it('is an address and a port', () => {
    expect(addressOf('--metrics-address', '127.0.0.1:9100')).toEqual({ host: '127.0.0.1', port: 9100 })
    expect(addressOf('--metrics-address', '[::1]:0')).toEqual({ host: '::1', port: 0 })
  })
  it.each(['9100', ':9100', 'localhost:9100', '127.0.0.1', '127.0.0.1:70000', '127.0.0.1:x'])('refuses %s', (text) => {
    expect(() => addressOf('--metrics-address', text)).toThrow(UsageError)
  })
})
