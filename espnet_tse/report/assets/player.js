// The signals of one utterance. Those that share its time start together, each through a gain of its own;
// switching only turns the gains, so that the place is kept to the sample.
const FADE_S = 0.008;

class Player {
  /** @param changed called after every change of state and, while playing, with every picture. */
  constructor(changed) {
    this.changed = changed;
    this.context = null;
    this.close();
  }

  close() {
    this.stop?.();
    this.signals = [];
    this.active = -1;
    this.places = { shared: 0, own: 0 }; // seconds; the enrollment is another recording with a place of its own
    this.buffers = null;
    this.error = "";
  }

  /** Take the signals of an utterance: ``[{label, seconds, audio, ownTime}]``, audio the id of its element. */
  open(signals) {
    this.close();
    this.signals = signals;
    this.context ??= new AudioContext();
    const decode = ({ audio }) => audio && this.context.decodeAudioData(bytesOf(audio));
    this.buffers = Promise.all(signals.map(decode));
    this.buffers.catch((error) => {
      this.error = `This browser cannot decode the audio: ${error.message}`;
      this.changed();
    });
  }

  lineOf(signal) {
    return this.signals[signal].ownTime ? "own" : "shared";
  }

  get line() {
    return this.lineOf(this.active);
  }

  get playing() {
    return Boolean(this.gains);
  }

  get duration() {
    const together = this.signals.filter((signal, index) => this.lineOf(index) === this.line);
    return Math.max(...together.map((signal) => signal.seconds));
  }

  /** Seconds into the active signal. */
  get place() {
    if (!this.playing) return this.places[this.line];
    const sinceStart = Math.max(0, this.context.currentTime - this.startedAt);
    return Math.min(this.duration, this.places[this.line] + sinceStart);
  }

  async play() {
    const { buffers } = this;
    const decoded = await buffers.catch(() => null);
    await this.context.resume();
    if (!decoded || this.buffers !== buffers || this.playing) return; // another utterance was opened meanwhile
    if (this.place >= this.duration) this.places[this.line] = 0;
    this.startedAt = this.context.currentTime + 0.02;
    const line = this.line;
    this.gains = new Map();
    decoded.forEach((buffer, index) => {
      if (!buffer || this.lineOf(index) !== line || this.places[line] >= buffer.duration) return;
      const source = new AudioBufferSourceNode(this.context, { buffer });
      const gain = new GainNode(this.context, { gain: index === this.active ? 1 : 0 });
      source.connect(gain).connect(this.context.destination);
      source.start(this.startedAt, this.places[line]);
      this.gains.set(index, { source, gain });
    });
    const follow = () => {
      if (!this.playing) return;
      if (this.place >= this.duration) {
        this.stop();
        this.places[this.line] = 0;
      } else requestAnimationFrame(follow);
      this.changed();
    };
    follow();
  }

  stop() {
    if (!this.playing) return;
    this.places[this.line] = this.place;
    for (const { source } of this.gains.values()) source.stop();
    this.gains = null;
  }

  toggle() {
    if (this.playing) this.stop();
    else this.play();
    this.changed();
  }

  /** Hear another signal at the same place; playing goes on. */
  select(signal) {
    if (!this.signals[signal]?.audio || signal === this.active) return;
    const sameTime = this.active >= 0 && this.line === this.lineOf(signal);
    const goesOn = this.playing;
    if (!sameTime) this.stop();
    this.active = signal;
    if (this.playing) {
      for (const [index, { gain }] of this.gains) {
        gain.gain.setTargetAtTime(index === signal ? 1 : 0, this.context.currentTime, FADE_S);
      }
    } else if (goesOn) this.play();
    this.changed();
  }

  seek(seconds) {
    const goesOn = this.playing;
    this.stop();
    this.places[this.line] = seconds;
    if (goesOn) this.play();
    this.changed();
  }
}

function bytesOf(id) {
  const text = atob(document.getElementById(id).textContent);
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
}
