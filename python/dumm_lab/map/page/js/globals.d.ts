// What the classic scripts of index.html define.  They come from npm (package.json) and are not checked.
declare const cytoscape: any;
declare const cytoscapeFcose: any;
declare const Terminal: any;
declare const FitAddon: any;
