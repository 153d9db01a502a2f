// What every page runs: the journey of the client that is bundled as `client`.
import { travel } from "client";

const moment = () => new Promise((done) => setTimeout(done, 1500));
window.travelled = travel({ ...window.JOURNEY, moment });
