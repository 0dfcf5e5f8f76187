// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// One line for a packet: who to whom, which protocol, what of it.  Pure.  Wireshark knows more; this is for a first look.

/** @typedef {import("./pcapng.js").Packet} Packet */
/** @typedef {{from: string, to: string, protocol: string, info: string}} Line */

const PORTS = /** @type {Record<number, string>} */ ({ 22: "SSH", 53: "DNS", 67: "DHCP", 68: "DHCP", 80: "HTTP", 123: "NTP", 179: "BGP", 443: "TLS", 500: "IKE", 520: "RIP", 546: "DHCPv6", 547: "DHCPv6", 1812: "RADIUS", 4500: "IKE", 4789: "VXLAN", 5201: "iperf3", 51820: "WireGuard" });
const PROTOCOLS = /** @type {Record<number, string>} */ ({ 1: "ICMP", 2: "IGMP", 4: "IPIP", 6: "TCP", 17: "UDP", 41: "6in4", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6", 89: "OSPF", 103: "PIM", 112: "VRRP", 132: "SCTP" });
const ICMP = /** @type {Record<number, string>} */ ({ 0: "echo reply", 3: "unreachable", 5: "redirect", 8: "echo request", 11: "time exceeded" });
const ICMP6 = /** @type {Record<number, string>} */ ({ 1: "unreachable", 2: "packet too big", 3: "time exceeded", 128: "echo request", 129: "echo reply", 133: "router solicitation", 134: "router advertisement", 135: "neighbour solicitation", 136: "neighbour advertisement", 143: "multicast listener report" });
const FLAGS = /** @type {[number, string][]} */ ([[2, "SYN"], [16, "ACK"], [1, "FIN"], [4, "RST"], [8, "PSH"], [32, "URG"]]);
const EXTENSIONS = new Set([0, 43, 60]);

/**
 * @param {Packet} packet
 * @returns {Line}
 */
export function line(packet) {
  const { data } = packet;
  try {
    return packet.link === 1 ? ethernet(data) : packet.link === 101 ? ip(data) : { from: "", to: "", protocol: `link ${packet.link}`, info: "" };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { from: "", to: "", protocol: "?", info: "it is cut off" };
  }
}

/** @param {Uint8Array} data */
function at(data) {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/** @param {Uint8Array} data @returns {Line} */
function ethernet(data) {
  const from = mac(data.subarray(6, 12)), to = mac(data.subarray(0, 6));
  let type = at(data).getUint16(12), body = data.subarray(14), vlan = "";
  while (type === 0x8100 || type === 0x88a8) {
    vlan += `VLAN ${at(body).getUint16(0) & 0xfff} `;
    type = at(body).getUint16(2);
    body = body.subarray(4);
  }
  const told = (/** @type {Line} */ line) => ({ ...line, info: vlan + line.info });
  if (type === 0x0800 || type === 0x86dd) return told(ip(body));
  if (type === 0x0806) return told(arp(body));
  if (type === 0x88cc) return told({ from, to, protocol: "LLDP", info: "" });
  if (type < 0x0600) return told({ from, to, protocol: at(body).getUint16(0) === 0x4242 ? "STP" : at(body).getUint16(0) === 0xfefe ? "IS-IS" : "LLC", info: "" });
  return told({ from, to, protocol: `0x${type.toString(16).padStart(4, "0")}`, info: "" });
}

/** @param {Uint8Array} data @returns {Line} */
function arp(data) {
  const sender = v4(data, 14), target = v4(data, 24);
  return at(data).getUint16(6) === 1
    ? { from: sender, to: target, protocol: "ARP", info: `who has ${target}?` }
    : { from: sender, to: target, protocol: "ARP", info: `${sender} is at ${mac(data.subarray(8, 14))}` };
}

/** @param {Uint8Array} data @returns {Line} */
function ip(data) {
  const view = at(data);
  if (view.getUint8(0) >> 4 === 6) {
    let next = view.getUint8(6), from = 40;
    while (EXTENSIONS.has(next)) {
      next = view.getUint8(from);
      from += (view.getUint8(from + 1) + 1) * 8;
    }
    return { from: v6(data, 8), to: v6(data, 24), ...inside(next, data.subarray(from)) };
  }
  const fragment = view.getUint16(6) & 0x1fff;
  const ends = { from: v4(data, 12), to: v4(data, 16) };
  const number = view.getUint8(9);
  if (fragment) return { ...ends, protocol: PROTOCOLS[number] ?? `IP ${number}`, info: `fragment at ${fragment * 8}` };
  return { ...ends, ...inside(number, data.subarray((view.getUint8(0) & 15) * 4, view.getUint16(2) || undefined)) };
}

/**
 * @param {number} number of the protocol
 * @param {Uint8Array} data
 */
function inside(number, data) {
  const view = at(data);
  const protocol = PROTOCOLS[number] ?? `IP ${number}`;
  if (number === 1) {
    const type = view.getUint8(0);
    return { protocol, info: `${ICMP[type] ?? `type ${type}`}${type === 0 || type === 8 ? `, number ${view.getUint16(6)}` : ""}` };
  }
  if (number === 58) {
    const type = view.getUint8(0);
    return { protocol, info: `${ICMP6[type] ?? `type ${type}`}${type === 128 || type === 129 ? `, number ${view.getUint16(6)}` : ""}` };
  }
  if (number === 6) {
    const from = view.getUint16(0), to = view.getUint16(2), flags = view.getUint8(13);
    const size = data.length - (view.getUint8(12) >> 4) * 4;
    return { protocol: PORTS[to] ?? PORTS[from] ?? protocol, info: `${from} → ${to} ${FLAGS.flatMap(([bit, name]) => (flags & bit ? [name] : [])).join(" ")}${size > 0 ? `, ${size} bytes` : ""}` };
  }
  if (number === 17) {
    const from = view.getUint16(0), to = view.getUint16(2);
    return { protocol: PORTS[to] ?? PORTS[from] ?? protocol, info: `${from} → ${to}, ${view.getUint16(4) - 8} bytes` };
  }
  if (number === 50) return { protocol, info: `SPI 0x${view.getUint32(0).toString(16)}, number ${view.getUint32(4)}` };
  return { protocol, info: "" };
}

/** @param {Uint8Array} bytes */
function mac(bytes) {
  return [...bytes].map((each) => each.toString(16).padStart(2, "0")).join(":");
}

/**
 * @param {Uint8Array} data
 * @param {number} from
 */
function v4(data, from) {
  return [0, 1, 2, 3].map((each) => at(data).getUint8(from + each)).join(".");
}

/**
 * @param {Uint8Array} data
 * @param {number} from
 */
export function v6(data, from) {
  const groups = Array.from({ length: 8 }, (_, each) => at(data).getUint16(from + 2 * each).toString(16));
  const runs = [...groups.join(":").matchAll(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g)].sort((one, other) => other[0].length - one[0].length || one.index - other.index);
  const run = runs[0];
  if (!run) return groups.join(":");
  const text = groups.join(":");
  return `${text.slice(0, run.index).replace(/:$/, "")}::${text.slice(run.index + run[0].length).replace(/^:/, "")}`;
}
