/**
 * Lengths as the MQTT packet writer keeps them. It caches the encoded form of each length it meets (MQTT 3.1.1 §2.2.3), as a slice of two bytes
 * from Node's buffer pool: each slice keeps 64 KiB alive, and a program that sends a thousand different lengths keeps a thousand pools. Here a
 * length is given memory of its own. The writer takes the function when it is loaded: import this module before it.
 */
import numbers from 'mqtt-packet/numbers.js'

const pooled = numbers.genBufVariableByteInt

numbers.genBufVariableByteInt = (length) => {
  const encoded = pooled(length)
  const own = Buffer.alloc(encoded.length)
  encoded.copy(own)
  return own
}
