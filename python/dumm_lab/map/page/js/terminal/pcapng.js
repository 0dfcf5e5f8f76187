// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Reads a stream of pcapng as it comes: blocks in, packets out (draft-ietf-opsawg-pcapng).  Pure.

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const SIMPLE = 3;
const ENHANCED = 6;
const ORDER = 0x1a2b3c4d;
const NAME = 2; // options of an interface
const RESOLUTION = 9;
const LARGEST = 1 << 24;

/**
 * @typedef {object} Packet
 * @property {number} at seconds since 1970; NaN where there is no time
 * @property {string} interface
 * @property {number} length on the wire
 * @property {Uint8Array} data
 * @property {number} link type of its layer 2; 1 is Ethernet
 */

export class Reader {
  /** @type {Uint8Array<ArrayBuffer>} */ #rest = new Uint8Array(0);
  /** @type {{name: string, link: number, unit: number}[]} */ #interfaces = [];
  #isLittle = true;

  /**
   * @param {Uint8Array} bytes the next piece of the stream, of any length
   * @returns {Packet[]} those that are whole now
   * @throws {RangeError} where it is no pcapng
   */
  read(bytes) {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const view = new DataView(all.buffer);
    /** @type {Packet[]} */
    const packets = [];
    let at = 0;
    while (all.length - at >= 12) {
      if (view.getUint32(at, true) === SECTION) {
        this.#isLittle = view.getUint32(at + 8, true) === ORDER;
        this.#interfaces = [];
      }
      const type = view.getUint32(at, this.#isLittle), size = view.getUint32(at + 4, this.#isLittle);
      if (size < 12 || size % 4 || size > LARGEST) throw new RangeError("capture: the stream is no pcapng. Start the capture again.");
      if (all.length - at < size) break;
      const found = this.#block(type, new DataView(all.buffer, at + 8, size - 12), all.subarray(at + 8, at + size - 4));
      if (found) packets.push(found);
      at += size;
    }
    this.#rest = all.slice(at);
    return packets;
  }

  /**
   * @param {number} type
   * @param {DataView} body
   * @param {Uint8Array} bytes
   * @returns {Packet | null}
   */
  #block(type, body, bytes) {
    const little = this.#isLittle;
    if (type === INTERFACE) this.#interfaces.push({ link: body.getUint16(0, little), ...this.#options(body, bytes) });
    if (type === SIMPLE) {
      const length = body.getUint32(0, little), from = this.#interfaces[0];
      return { at: NaN, interface: from?.name ?? "", link: from?.link ?? 1, length, data: bytes.slice(4, 4 + Math.min(length, bytes.length - 4)) };
    }
    if (type !== ENHANCED) return null;
    const from = this.#interfaces[body.getUint32(0, little)];
    const ticks = body.getUint32(4, little) * 2 ** 32 + body.getUint32(8, little);
    const kept = body.getUint32(12, little);
    return { at: ticks * (from?.unit ?? 1e-6), interface: from?.name ?? "", link: from?.link ?? 1, length: body.getUint32(16, little), data: bytes.slice(20, 20 + kept) };
  }

  /**
   * @param {DataView} body of an interface
   * @param {Uint8Array} bytes
   */
  #options(body, bytes) {
    let name = "", unit = 1e-6;
    for (let at = 8; at + 4 <= bytes.length; ) {
      const code = body.getUint16(at, this.#isLittle), size = body.getUint16(at + 2, this.#isLittle);
      if (code === 0) break;
      if (code === NAME) name = new TextDecoder().decode(bytes.subarray(at + 4, at + 4 + size));
      if (code === RESOLUTION) {
        const given = /** @type {number} */ (bytes[at + 4]);
        unit = given & 0x80 ? 2 ** -(given & 0x7f) : 10 ** -given;
      }
      at += 4 + size + ((4 - (size % 4)) % 4);
    }
    return { name, unit };
  }
}
