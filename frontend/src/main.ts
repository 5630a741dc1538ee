import { mount } from "svelte";
import App from "./App.svelte";
import { lab } from "./lab.svelte";
import "./style/page.css";

lab.begin();
mount(App, { target: document.getElementById("page")! });
