import { mount } from "svelte";
import App from "./App.svelte";
import { lab } from "./lab.svelte";
import { paper } from "./paper.svelte";
import "./style/page.css";
import "./style/print.css";

lab.begin();
paper.begin();
mount(App, { target: document.getElementById("page")! });
