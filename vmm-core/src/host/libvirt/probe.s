# The boot sector of the probe guest: enters long mode, counts, says so on the first serial port and switches off.
# Where hardware virtualisation is only advertised it stalls in the count, like a kernel would, or before it.
#
#   as --64 probe.s -o probe.o && ld -Ttext 0x7c00 --oformat binary -o probe.bin probe.o && xxd -i probe.bin

.code16
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7000, %sp
        cld

        # Three page tables at 0x1000 that map the first 2 MiB onto themselves.
        movw    $0x1000, %di
        xorl    %eax, %eax
        movw    $0xc00, %cx
        rep stosl
        movl    $0x2003, 0x1000
        movl    $0x3003, 0x2000
        movl    $0x83, 0x3000

        movl    $0xa0, %eax             # CR4: physical address extension, global pages
        movl    %eax, %cr4
        movl    $0x1000, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx       # EFER: long mode enable
        rdmsr
        orl     $0x100, %eax
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000001, %eax       # CR0: paging, protection
        lgdt    table
        movl    %eax, %cr0
        ljmp    $8, $long

.code64
long:   movl    $50000000, %ecx
count:  decl    %ecx
        jnz     count

        movl    $message, %esi
wait:   movw    $0x3fd, %dx             # line status: room to send
        inb     %dx, %al
        testb   $0x20, %al
        jz      wait
        lodsb
        testb   %al, %al
        jz      off
        movw    $0x3f8, %dx
        outb    %al, %dx
        jmp     wait

off:    movw    $0x604, %dx             # ACPI control of q35: soft off
        movw    $0x2000, %ax
        outw    %ax, %dx
halt:   hlt
        jmp     halt

descriptors:
        .quad   0
        .quad   0x00209a0000000000      # 64-bit code
table:  .word   15
        .long   descriptors
message:
        .asciz  "vmm-probe-ok\n"

        .org    510
        .word   0xaa55
