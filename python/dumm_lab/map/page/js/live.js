// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The line to the server: one WebSocket that opens itself again, requests with replies, and the state of the page for those who watch it.

import { applied, nothing } from "./model.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Topic} Topic */
/** @typedef {(model: Model, topic: Topic) => void} Watcher */

const PATIENCE = [500, 1000, 2000, 4000, 8000]; // ms before each try to connect again
const REFUSED = 403; // of a server that does not know this page's cookie

export class Live {
  /** @type {Model} */ #model = nothing();
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */ #asked = new Map();
  /** @type {{topics: Topic[], watcher: Watcher}[]} */ #watchers = [];
  #next = 1;
  #tries = 0;
  #timer = 0;
  #whole = false; // whether the whole view has been asked for
  #address;

  /** @param {string} address of the WebSocket */
  constructor(address) {
    this.#address = address;
  }

  model = () => this.#model;

  /**
   * @param {Topic[]} topics
   * @param {Watcher} watcher called after each change of one of them
   */
  watch = (topics, watcher) => {
    this.#watchers.push({ topics, watcher });
  };

  /**
   * Ask the server for something.
   * @param {string} verb
   * @param {Record<string, unknown>} [args]
   * @returns {Promise<any>} rejects with the server's sentence
   */
  request = (verb, args = {}) => {
    const socket = this.#socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error("map: the server does not answer. Start dumm map again if it has ended."));
    }
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      socket.send(JSON.stringify({ id, verb, arguments: args }));
    });
  };

  connect = () => {
    clearTimeout(this.#timer);
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) return;
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    this.#whole = false;
    socket.onmessage = (event) => this.#read(JSON.parse(event.data));
    let isOpen = false;
    socket.onopen = () => (isOpen = true);
    socket.onclose = () => this.#lost(socket, isOpen);
  };

  /** @param {any} message */
  #read(message) {
    if (message.type === "reply") {
      const asked = this.#asked.get(message.id);
      this.#asked.delete(message.id);
      if (message.ok) asked?.resolve(message.value);
      else asked?.reject(new Error(message.error));
      return;
    }
    if (this.#model.link.state !== "open") {
      this.#tries = 0;
      this.#tell({ ...this.#model, link: { state: "open", since: Date.now(), retry: null } }, "link");
    }
    const result = applied(this.#model, message);
    if (!result) return this.#again();
    if (message.type === "view") this.#whole = false;
    if (result.topic) this.#tell(result.model, result.topic);
  }

  /** Ask for the whole view, because a change was missed. */
  #again() {
    if (this.#whole) return;
    this.#whole = true;
    this.request("view").then((value) => {
      if (value?.view) this.#read({ type: "view", ...value });
    }, () => (this.#whole = false));
  }

  /**
   * @param {WebSocket} socket
   * @param {boolean} wasOpen
   */
  #lost(socket, wasOpen) {
    if (socket !== this.#socket) return;
    for (const { reject } of this.#asked.values()) reject(new Error("map: the line to the server was lost. Look whether the request was carried out."));
    this.#asked.clear();
    const wait = PATIENCE[Math.min(this.#tries++, PATIENCE.length - 1)];
    const { link } = this.#model;
    const since = link.state === "open" || !link.since ? Date.now() : link.since;
    this.#timer = setTimeout(this.connect, wait);
    this.#tell({ ...this.#model, rates: {}, link: { state: link.state === "refused" ? "refused" : "lost", since, retry: Date.now() + wait } }, "link");
    if (!wasOpen) this.#askWhy();
  }

  /** A browser does not say why a WebSocket was refused, but does so of a file. */
  #askWhy() {
    fetch(location.pathname, { cache: "no-store" }).then(({ status }) => {
      const { link } = this.#model;
      if (link.state !== "open") this.#tell({ ...this.#model, link: { ...link, state: status === REFUSED ? "refused" : "lost" } }, "link");
    }, () => {});
  }

  /**
   * @param {Model} model
   * @param {Topic} topic
   */
  #tell(model, topic) {
    this.#model = model;
    for (const { topics, watcher } of this.#watchers) if (topics.includes(topic)) watcher(model, topic);
  }
}
