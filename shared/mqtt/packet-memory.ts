/** Memory of the MQTT packet writer that aedes and mqtt.js share. Import it before either. */
import './packet-numbers.ts'
import mqttPacket from 'mqtt-packet'

/**
 * Makes packet numbers when they are needed. By default the writer makes a Buffer for each of the 65,536 at its first packet, some 9 MB that
 * stay, which is a quarter of an idle node agent. For the whole process, before the first packet.
 */
export function keepNoPacketNumbers(): void {
  mqttPacket.writeToStream.cacheNumbers = false
}
