/* SPDX-License-Identifier: MIT */
/* decoder: see decoder.h */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "interpose/decoder.h"

#include <Zydis/Zydis.h>
#include <dlfcn.h>

#ifndef ZYDIS_SONAME
#define ZYDIS_SONAME "libZydis.so.4.0"
#endif

static struct {
	void *lib;
	__typeof__(ZydisGetVersion) *version;
	__typeof__(ZydisDecoderInit) *init;
	__typeof__(ZydisDecoderEnableMode) *enable_mode;
	__typeof__(ZydisDecoderDecodeInstruction) *decode;
	__typeof__(ZydisDecoderDecodeFull) *decode_full;
} zydis;

/* Without operands, and with them. */
static ZydisDecoder quick, full;

const char *decoder_open(void)
{
	if (zydis.lib)
		return NULL;

	void *lib = dlopen(ZYDIS_SONAME, RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		return "the decoder library " ZYDIS_SONAME " cannot be opened";
	zydis.version = dlsym(lib, "ZydisGetVersion");
	zydis.init = dlsym(lib, "ZydisDecoderInit");
	zydis.enable_mode = dlsym(lib, "ZydisDecoderEnableMode");
	zydis.decode = dlsym(lib, "ZydisDecoderDecodeInstruction");
	zydis.decode_full = dlsym(lib, "ZydisDecoderDecodeFull");
	if (!zydis.version || !zydis.init || !zydis.enable_mode || !zydis.decode ||
	    !zydis.decode_full) {
		dlclose(lib);
		return "the decoder library " ZYDIS_SONAME " lacks a function";
	}
	/* Its structures change between minor versions. */
	if (zydis.version() >> 32 != ZYDIS_VERSION >> 32) {
		dlclose(lib);
		return "the decoder library " ZYDIS_SONAME
		       " is of another version than its headers";
	}
	zydis.init(&quick, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	zydis.enable_mode(&quick, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE);
	zydis.init(&full, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	zydis.lib = lib;
	return NULL;
}

/* Does the instruction leave every vector, MMX and x87 register alone? */
static bool insn_is_general(const ZydisDecodedInstruction *d)
{
	switch (d->meta.isa_ext) {
	case ZYDIS_ISA_EXT_BASE:
		return d->meta.category != ZYDIS_CATEGORY_SSE;
	case ZYDIS_ISA_EXT_LONGMODE:
	case ZYDIS_ISA_EXT_CET:
	case ZYDIS_ISA_EXT_PAUSE:
	case ZYDIS_ISA_EXT_RDTSCP:
	case ZYDIS_ISA_EXT_RDWRFSGS:
	case ZYDIS_ISA_EXT_LZCNT:
	case ZYDIS_ISA_EXT_BMI1:
	case ZYDIS_ISA_EXT_BMI2:
	case ZYDIS_ISA_EXT_ADOX_ADCX:
	case ZYDIS_ISA_EXT_MOVBE:
	case ZYDIS_ISA_EXT_RDRAND:
	case ZYDIS_ISA_EXT_RDSEED:
	case ZYDIS_ISA_EXT_RDPID:
	case ZYDIS_ISA_EXT_CLFSH:
	case ZYDIS_ISA_EXT_CLFLUSHOPT:
	case ZYDIS_ISA_EXT_CLWB:
	case ZYDIS_ISA_EXT_RTM:
		return true;
	default:
		return false;
	}
}

static bool insn_is_relative_branch(const ZydisDecodedInstruction *d)
{
	return d->raw.imm[0].size && d->raw.imm[0].is_relative;
}

static unsigned insn_flow(const ZydisDecodedInstruction *d)
{
	switch (d->meta.category) {
	case ZYDIS_CATEGORY_UNCOND_BR:
		return INSN_FLOW | INSN_STOP | (insn_is_relative_branch(d) ? 0 : INSN_INDIRECT);
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_SYSRET:
		return INSN_FLOW | INSN_STOP;
	case ZYDIS_CATEGORY_CALL:
		return INSN_FLOW | INSN_CALL;
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
		return INSN_FLOW;
	default:
		break;
	}
	switch (d->mnemonic) {
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
		return INSN_FLOW | INSN_STOP;
	case ZYDIS_MNEMONIC_XABORT:
	case ZYDIS_MNEMONIC_XBEGIN:
	case ZYDIS_MNEMONIC_XEND:
		return INSN_FLOW;
	default:
		return insn_is_relative_branch(d) ? INSN_FLOW : 0;
	}
}

/* Does it load eax with a constant? Of more than one byte, or nothing. */
static bool insn_loads_eax(const ZydisDecodedInstruction *d)
{
	bool modrm_eax = d->raw.modrm.mod == 3 && d->raw.modrm.rm == 0 && !d->raw.rex.B;

	if (d->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
	    d->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT || d->operand_width < 32)
		return false;
	switch (d->opcode) {
	case 0xb8: /* mov $imm,%eax */
		return !d->raw.rex.B;
	case 0xc7: /* mov $imm,%rax */
		return modrm_eax && d->mnemonic == ZYDIS_MNEMONIC_MOV;
	case 0x31: /* xor %eax,%eax */
	case 0x33:
		return modrm_eax && d->raw.modrm.reg == 0 && !d->raw.rex.R;
	default:
		return false;
	}
}

static struct shape shape_of(const ZydisDecodedInstruction *d)
{
	struct shape h = { .head_len = d->length, .len = d->length, .bits = (uint8_t)insn_flow(d) };

	if (d->raw.disp.size)
		h.head_len = d->raw.disp.offset;
	if (d->raw.imm[0].size) {
		h.imm = d->raw.imm[0].offset;
		h.imm_size = d->raw.imm[0].size / 8;
		h.relative = d->raw.imm[0].is_relative;
		if (h.imm < h.head_len)
			h.head_len = h.imm;
	}
	/* The one encoding whose opcode comes last. */
	if (d->encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW)
		h.head_len = d->length;
	if (insn_loads_eax(d)) {
		h.bits |= INSN_EAX;
	} else if (d->raw.modrm.offset && d->raw.modrm.mod == 0 && d->raw.modrm.rm == 5) {
		h.bits |= d->address_width == 64 && d->raw.disp.size == 32 ? INSN_RIP : INSN_ODD;
		h.disp = d->raw.disp.offset;
	}
	if (!insn_is_general(d))
		h.bits |= INSN_VEC;
	return h;
}

static inline uint64_t head_of(uint64_t code, unsigned len)
{
	return len < 8 ? code & ((1ULL << 8 * len) - 1) : code;
}

static inline struct shape *shape_slot(const struct decoder *d, uint64_t head)
{
	return &d->shapes[head * 0x9e3779b97f4a7c15 % (1ULL << 32) * DECODER_SHAPES >> 32];
}

const struct shape *decoder_shape(struct decoder *d, const uint8_t *p, uint64_t room)
{
	ZydisDecodedInstruction insn;
	uint64_t code = 0;

	if (__builtin_expect(room >= 8, 1))
		memcpy(&code, p, 8);
	else
		memcpy(&code, p, room);
	for (unsigned lengths = d->lengths[p[0]]; lengths; lengths &= lengths - 1) {
		unsigned len = (unsigned)__builtin_ctz(lengths);
		uint64_t head = head_of(code, len);
		struct shape *h = shape_slot(d, head);

		if (h->head == head && h->head_len == len && h->len <= room)
			return h;
	}
	if (!ZYAN_SUCCESS(zydis.decode(&quick, NULL, p, room, &insn)))
		return NULL;
	d->passing = shape_of(&insn);
	d->asked++;
	if (d->passing.head_len > sizeof(code))
		return &d->passing;
	d->passing.head = head_of(code, d->passing.head_len);
	d->lengths[p[0]] |= (uint16_t)(1U << d->passing.head_len);

	struct shape *h = shape_slot(d, d->passing.head);

	*h = d->passing;
	return h;
}

bool decoder_writes_eax(const uint8_t *p, unsigned len)
{
	ZydisDecodedInstruction d;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];

	if (!ZYAN_SUCCESS(zydis.decode_full(&full, p, len, &d, op)))
		return true;
	for (unsigned k = 0; k < d.operand_count; k++) {
		if (op[k].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(op[k].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			continue;
		switch (op[k].reg.value) {
		case ZYDIS_REGISTER_AL:
		case ZYDIS_REGISTER_AH:
		case ZYDIS_REGISTER_AX:
		case ZYDIS_REGISTER_EAX:
		case ZYDIS_REGISTER_RAX:
			return true;
		default:
			break;
		}
	}
	return false;
}
