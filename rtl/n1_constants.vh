// Written by tools/rtl_tables.py from native/src/n1_implant_tables.c.
// What channels begin with, and the checksum of the tables as they lie in memory.
`define N1_FIRST_WEIGHTS 64'h046404d1201cffd7
`define N1_FIRST_MEAN 16'd1926
`define N1_TABLES_CRC 32'hc8908359
