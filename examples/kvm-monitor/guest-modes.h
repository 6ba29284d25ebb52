bench: ret
fuzz: jmp pass
fuzz_other: hlt
lose_device: ret
