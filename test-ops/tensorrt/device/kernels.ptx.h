// kernels.cu as PTX; written by compile.sh.
R"ptx(
.version 7.0
.target sm_75
.address_size 64
.visible .entry bias_gelu_fp32(
	.param .u64 bias_gelu_fp32_param_0,
	.param .u64 bias_gelu_fp32_param_1,
	.param .u64 bias_gelu_fp32_param_2,
	.param .u64 bias_gelu_fp32_param_3,
	.param .u64 bias_gelu_fp32_param_4,
	.param .u32 bias_gelu_fp32_param_5,
	.param .f32 bias_gelu_fp32_param_6
)
{
	.reg .pred 	%p<54>;
	.reg .f32 	%f<383>;
	.reg .b32 	%r<49>;
	.reg .b64 	%rd<150>;
	ld.param.u64 	%rd75, [bias_gelu_fp32_param_0];
	ld.param.u64 	%rd76, [bias_gelu_fp32_param_1];
	ld.param.u64 	%rd77, [bias_gelu_fp32_param_2];
	ld.param.u64 	%rd73, [bias_gelu_fp32_param_3];
	ld.param.u64 	%rd74, [bias_gelu_fp32_param_4];
	ld.param.u32 	%r1, [bias_gelu_fp32_param_5];
	ld.param.f32 	%f33, [bias_gelu_fp32_param_6];
	cvta.to.global.u64 	%rd1, %rd77;
	cvta.to.global.u64 	%rd2, %rd76;
	cvta.to.global.u64 	%rd3, %rd75;
	mov.u32 	%r2, %ctaid.x;
	mov.u32 	%r3, %ntid.x;
	cvt.u64.u32 	%rd4, %r3;
	mul.wide.u32 	%rd78, %r2, %r3;
	mov.u32 	%r4, %tid.x;
	cvt.u64.u32 	%rd79, %r4;
	add.s64 	%rd137, %rd78, %rd79;
	setp.ge.s64 	%p1, %rd137, %rd73;
	@%p1 bra 	$L__BB0_56;
	mov.u32 	%r5, %nctaid.x;
	cvt.u64.u32 	%rd6, %r5;
	mul.lo.s64 	%rd7, %rd6, %rd4;
	not.b64 	%rd80, %rd137;
	add.s64 	%rd8, %rd80, %rd73;
	or.b64  	%rd81, %rd8, %rd7;
	and.b64  	%rd82, %rd81, -4294967296;
	setp.eq.s64 	%p2, %rd82, 0;
	@%p2 bra 	$L__BB0_3;
	div.u64 	%rd131, %rd8, %rd7;
	bra.uni 	$L__BB0_4;
$L__BB0_3:
	cvt.u32.u64 	%r6, %rd7;
	cvt.u32.u64 	%r7, %rd8;
	div.u32 	%r8, %r7, %r6;
	cvt.u64.u32 	%rd131, %r8;
$L__BB0_4:
	setp.eq.s32 	%p3, %r1, 0;
	@%p3 bra 	$L__BB0_36;
	add.s64 	%rd83, %rd131, 1;
	and.b64  	%rd135, %rd83, 3;
	setp.eq.s64 	%p4, %rd135, 0;
	@%p4 bra 	$L__BB0_13;
	shl.b64 	%rd84, %rd137, 2;
	add.s64 	%rd133, %rd1, %rd84;
	shl.b64 	%rd14, %rd7, 2;
	add.s64 	%rd132, %rd3, %rd84;
	cvt.u32.u64 	%r9, %rd74;
$L__BB0_7:
	.pragma "nounroll";
	ld.global.f32 	%f1, [%rd132];
	or.b64  	%rd85, %rd137, %rd74;
	and.b64  	%rd86, %rd85, -4294967296;
	setp.eq.s64 	%p5, %rd86, 0;
	@%p5 bra 	$L__BB0_9;
	rem.s64 	%rd136, %rd137, %rd74;
	bra.uni 	$L__BB0_10;
$L__BB0_9:
	cvt.u32.u64 	%r10, %rd137;
	rem.u32 	%r11, %r10, %r9;
	cvt.u64.u32 	%rd136, %r11;
$L__BB0_10:
	shl.b64 	%rd87, %rd136, 2;
	add.s64 	%rd88, %rd2, %rd87;
	ld.global.f32 	%f35, [%rd88];
	add.f32 	%f2, %f1, %f35;
	abs.f32 	%f36, %f2;
	setp.eq.f32 	%p6, %f36, 0f7F800000;
	setp.lt.f32 	%p7, %f2, 0f00000000;
	mov.f32 	%f375, 0f00000000;
	and.pred  	%p8, %p7, %p6;
	@%p8 bra 	$L__BB0_12;
	mul.f32 	%f37, %f2, 0f3D372713;
	mul.f32 	%f38, %f2, %f37;
	fma.rn.f32 	%f39, %f2, %f38, %f2;
	mul.f32 	%f40, %f39, 0f3F4C422A;
	mul.f32 	%f41, %f40, 0fC0000000;
	mov.f32 	%f42, 0f3F000000;
	mov.f32 	%f43, 0f3BBB989D;
	fma.rn.f32 	%f44, %f41, %f43, %f42;
	cvt.sat.f32.f32 	%f45, %f44;
	mov.f32 	%f46, 0f4B400001;
	mov.f32 	%f47, 0f437C0000;
	fma.rm.f32 	%f48, %f45, %f47, %f46;
	add.f32 	%f49, %f48, 0fCB40007F;
	neg.f32 	%f50, %f49;
	mov.f32 	%f51, 0f3FB8AA3B;
	fma.rn.f32 	%f52, %f41, %f51, %f50;
	mov.f32 	%f53, 0f32A57060;
	fma.rn.f32 	%f54, %f41, %f53, %f52;
	mov.b32 	%r12, %f48;
	shl.b32 	%r13, %r12, 23;
	mov.b32 	%f55, %r13;
	ex2.approx.ftz.f32 	%f56, %f54;
	fma.rn.f32 	%f57, %f56, %f55, 0f3F800000;
	div.rn.f32 	%f375, %f2, %f57;
$L__BB0_12:
	add.f32 	%f58, %f375, %f33;
	st.global.f32 	[%rd133], %f58;
	add.s64 	%rd137, %rd137, %rd7;
	add.s64 	%rd133, %rd133, %rd14;
	add.s64 	%rd132, %rd132, %rd14;
	add.s64 	%rd135, %rd135, -1;
	setp.ne.s64 	%p9, %rd135, 0;
	@%p9 bra 	$L__BB0_7;
$L__BB0_13:
	setp.lt.u64 	%p10, %rd131, 3;
	@%p10 bra 	$L__BB0_56;
	shl.b64 	%rd89, %rd137, 2;
	add.s64 	%rd139, %rd3, %rd89;
	shl.b64 	%rd29, %rd7, 2;
	add.s64 	%rd140, %rd1, %rd89;
	cvt.u32.u64 	%r14, %rd74;
$L__BB0_15:
	ld.global.f32 	%f5, [%rd139];
	or.b64  	%rd91, %rd137, %rd74;
	and.b64  	%rd92, %rd91, -4294967296;
	setp.eq.s64 	%p11, %rd92, 0;
	@%p11 bra 	$L__BB0_17;
	rem.s64 	%rd141, %rd137, %rd74;
	bra.uni 	$L__BB0_18;
$L__BB0_17:
	cvt.u32.u64 	%r15, %rd137;
	rem.u32 	%r16, %r15, %r14;
	cvt.u64.u32 	%rd141, %r16;
$L__BB0_18:
	shl.b64 	%rd93, %rd141, 2;
	add.s64 	%rd94, %rd2, %rd93;
	ld.global.f32 	%f60, [%rd94];
	add.f32 	%f6, %f5, %f60;
	abs.f32 	%f61, %f6;
	setp.eq.f32 	%p12, %f61, 0f7F800000;
	setp.lt.f32 	%p13, %f6, 0f00000000;
	mov.f32 	%f376, 0f00000000;
	and.pred  	%p14, %p13, %p12;
	@%p14 bra 	$L__BB0_20;
	mul.f32 	%f62, %f6, 0f3D372713;
	mul.f32 	%f63, %f6, %f62;
	fma.rn.f32 	%f64, %f6, %f63, %f6;
	mul.f32 	%f65, %f64, 0f3F4C422A;
	mul.f32 	%f66, %f65, 0fC0000000;
	mov.f32 	%f67, 0f3F000000;
	mov.f32 	%f68, 0f3BBB989D;
	fma.rn.f32 	%f69, %f66, %f68, %f67;
	cvt.sat.f32.f32 	%f70, %f69;
	mov.f32 	%f71, 0f4B400001;
	mov.f32 	%f72, 0f437C0000;
	fma.rm.f32 	%f73, %f70, %f72, %f71;
	add.f32 	%f74, %f73, 0fCB40007F;
	neg.f32 	%f75, %f74;
	mov.f32 	%f76, 0f3FB8AA3B;
	fma.rn.f32 	%f77, %f66, %f76, %f75;
	mov.f32 	%f78, 0f32A57060;
	fma.rn.f32 	%f79, %f66, %f78, %f77;
	mov.b32 	%r17, %f73;
	shl.b32 	%r18, %r17, 23;
	mov.b32 	%f80, %r18;
	ex2.approx.ftz.f32 	%f81, %f79;
	fma.rn.f32 	%f82, %f81, %f80, 0f3F800000;
	div.rn.f32 	%f376, %f6, %f82;
$L__BB0_20:
	add.f32 	%f83, %f376, %f33;
	st.global.f32 	[%rd140], %f83;
	add.s64 	%rd37, %rd139, %rd29;
	ld.global.f32 	%f9, [%rd37];
	add.s64 	%rd38, %rd137, %rd7;
	or.b64  	%rd95, %rd38, %rd74;
	and.b64  	%rd96, %rd95, -4294967296;
	setp.eq.s64 	%p15, %rd96, 0;
	@%p15 bra 	$L__BB0_22;
	rem.s64 	%rd142, %rd38, %rd74;
	bra.uni 	$L__BB0_23;
$L__BB0_22:
	cvt.u32.u64 	%r20, %rd38;
	rem.u32 	%r21, %r20, %r14;
	cvt.u64.u32 	%rd142, %r21;
$L__BB0_23:
	shl.b64 	%rd97, %rd142, 2;
	add.s64 	%rd98, %rd2, %rd97;
	ld.global.f32 	%f85, [%rd98];
	add.f32 	%f10, %f9, %f85;
	abs.f32 	%f86, %f10;
	setp.eq.f32 	%p16, %f86, 0f7F800000;
	setp.lt.f32 	%p17, %f10, 0f00000000;
	mov.f32 	%f377, 0f00000000;
	and.pred  	%p18, %p17, %p16;
	@%p18 bra 	$L__BB0_25;
	mul.f32 	%f87, %f10, 0f3D372713;
	mul.f32 	%f88, %f10, %f87;
	fma.rn.f32 	%f89, %f10, %f88, %f10;
	mul.f32 	%f90, %f89, 0f3F4C422A;
	mul.f32 	%f91, %f90, 0fC0000000;
	mov.f32 	%f92, 0f3F000000;
	mov.f32 	%f93, 0f3BBB989D;
	fma.rn.f32 	%f94, %f91, %f93, %f92;
	cvt.sat.f32.f32 	%f95, %f94;
	mov.f32 	%f96, 0f4B400001;
	mov.f32 	%f97, 0f437C0000;
	fma.rm.f32 	%f98, %f95, %f97, %f96;
	add.f32 	%f99, %f98, 0fCB40007F;
	neg.f32 	%f100, %f99;
	mov.f32 	%f101, 0f3FB8AA3B;
	fma.rn.f32 	%f102, %f91, %f101, %f100;
	mov.f32 	%f103, 0f32A57060;
	fma.rn.f32 	%f104, %f91, %f103, %f102;
	mov.b32 	%r22, %f98;
	shl.b32 	%r23, %r22, 23;
	mov.b32 	%f105, %r23;
	ex2.approx.ftz.f32 	%f106, %f104;
	fma.rn.f32 	%f107, %f106, %f105, 0f3F800000;
	div.rn.f32 	%f377, %f10, %f107;
$L__BB0_25:
	add.s64 	%rd42, %rd140, %rd29;
	add.f32 	%f108, %f377, %f33;
	st.global.f32 	[%rd42], %f108;
	add.s64 	%rd43, %rd37, %rd29;
	ld.global.f32 	%f13, [%rd43];
	add.s64 	%rd44, %rd38, %rd7;
	or.b64  	%rd99, %rd44, %rd74;
	and.b64  	%rd100, %rd99, -4294967296;
	setp.eq.s64 	%p19, %rd100, 0;
	@%p19 bra 	$L__BB0_27;
	rem.s64 	%rd143, %rd44, %rd74;
	bra.uni 	$L__BB0_28;
$L__BB0_27:
	cvt.u32.u64 	%r25, %rd44;
	rem.u32 	%r26, %r25, %r14;
	cvt.u64.u32 	%rd143, %r26;
$L__BB0_28:
	shl.b64 	%rd101, %rd143, 2;
	add.s64 	%rd102, %rd2, %rd101;
	ld.global.f32 	%f110, [%rd102];
	add.f32 	%f14, %f13, %f110;
	abs.f32 	%f111, %f14;
	setp.eq.f32 	%p20, %f111, 0f7F800000;
	setp.lt.f32 	%p21, %f14, 0f00000000;
	mov.f32 	%f378, 0f00000000;
	and.pred  	%p22, %p21, %p20;
	@%p22 bra 	$L__BB0_30;
	mul.f32 	%f112, %f14, 0f3D372713;
	mul.f32 	%f113, %f14, %f112;
	fma.rn.f32 	%f114, %f14, %f113, %f14;
	mul.f32 	%f115, %f114, 0f3F4C422A;
	mul.f32 	%f116, %f115, 0fC0000000;
	mov.f32 	%f117, 0f3F000000;
	mov.f32 	%f118, 0f3BBB989D;
	fma.rn.f32 	%f119, %f116, %f118, %f117;
	cvt.sat.f32.f32 	%f120, %f119;
	mov.f32 	%f121, 0f4B400001;
	mov.f32 	%f122, 0f437C0000;
	fma.rm.f32 	%f123, %f120, %f122, %f121;
	add.f32 	%f124, %f123, 0fCB40007F;
	neg.f32 	%f125, %f124;
	mov.f32 	%f126, 0f3FB8AA3B;
	fma.rn.f32 	%f127, %f116, %f126, %f125;
	mov.f32 	%f128, 0f32A57060;
	fma.rn.f32 	%f129, %f116, %f128, %f127;
	mov.b32 	%r27, %f123;
	shl.b32 	%r28, %r27, 23;
	mov.b32 	%f130, %r28;
	ex2.approx.ftz.f32 	%f131, %f129;
	fma.rn.f32 	%f132, %f131, %f130, 0f3F800000;
	div.rn.f32 	%f378, %f14, %f132;
$L__BB0_30:
	add.s64 	%rd48, %rd42, %rd29;
	add.f32 	%f133, %f378, %f33;
	st.global.f32 	[%rd48], %f133;
	add.s64 	%rd49, %rd43, %rd29;
	ld.global.f32 	%f17, [%rd49];
	add.s64 	%rd50, %rd44, %rd7;
	or.b64  	%rd103, %rd50, %rd74;
	and.b64  	%rd104, %rd103, -4294967296;
	setp.eq.s64 	%p23, %rd104, 0;
	@%p23 bra 	$L__BB0_32;
	rem.s64 	%rd144, %rd50, %rd74;
	bra.uni 	$L__BB0_33;
$L__BB0_32:
	cvt.u32.u64 	%r30, %rd50;
	rem.u32 	%r31, %r30, %r14;
	cvt.u64.u32 	%rd144, %r31;
$L__BB0_33:
	shl.b64 	%rd105, %rd144, 2;
	add.s64 	%rd106, %rd2, %rd105;
	ld.global.f32 	%f135, [%rd106];
	add.f32 	%f18, %f17, %f135;
	abs.f32 	%f136, %f18;
	setp.eq.f32 	%p24, %f136, 0f7F800000;
	setp.lt.f32 	%p25, %f18, 0f00000000;
	mov.f32 	%f379, 0f00000000;
	and.pred  	%p26, %p25, %p24;
	@%p26 bra 	$L__BB0_35;
	mul.f32 	%f137, %f18, 0f3D372713;
	mul.f32 	%f138, %f18, %f137;
	fma.rn.f32 	%f139, %f18, %f138, %f18;
	mul.f32 	%f140, %f139, 0f3F4C422A;
	mul.f32 	%f141, %f140, 0fC0000000;
	mov.f32 	%f142, 0f3F000000;
	mov.f32 	%f143, 0f3BBB989D;
	fma.rn.f32 	%f144, %f141, %f143, %f142;
	cvt.sat.f32.f32 	%f145, %f144;
	mov.f32 	%f146, 0f4B400001;
	mov.f32 	%f147, 0f437C0000;
	fma.rm.f32 	%f148, %f145, %f147, %f146;
	add.f32 	%f149, %f148, 0fCB40007F;
	neg.f32 	%f150, %f149;
	mov.f32 	%f151, 0f3FB8AA3B;
	fma.rn.f32 	%f152, %f141, %f151, %f150;
	mov.f32 	%f153, 0f32A57060;
	fma.rn.f32 	%f154, %f141, %f153, %f152;
	mov.b32 	%r32, %f148;
	shl.b32 	%r33, %r32, 23;
	mov.b32 	%f155, %r33;
	ex2.approx.ftz.f32 	%f156, %f154;
	fma.rn.f32 	%f157, %f156, %f155, 0f3F800000;
	div.rn.f32 	%f379, %f18, %f157;
$L__BB0_35:
	add.s64 	%rd139, %rd49, %rd29;
	add.s64 	%rd107, %rd48, %rd29;
	add.s64 	%rd140, %rd107, %rd29;
	add.f32 	%f158, %f379, %f33;
	st.global.f32 	[%rd107], %f158;
	add.s64 	%rd137, %rd50, %rd7;
	setp.lt.s64 	%p27, %rd137, %rd73;
	@%p27 bra 	$L__BB0_15;
	bra.uni 	$L__BB0_56;
$L__BB0_36:
	and.b64  	%rd108, %rd131, 1;
	setp.eq.b64 	%p28, %rd108, 1;
	mov.pred 	%p29, 0;
	xor.pred  	%p30, %p28, %p29;
	@%p30 bra 	$L__BB0_43;
	shl.b64 	%rd109, %rd137, 2;
	add.s64 	%rd110, %rd3, %rd109;
	ld.global.f32 	%f21, [%rd110];
	or.b64  	%rd111, %rd137, %rd74;
	and.b64  	%rd112, %rd111, -4294967296;
	setp.eq.s64 	%p31, %rd112, 0;
	@%p31 bra 	$L__BB0_39;
	rem.s64 	%rd145, %rd137, %rd74;
	bra.uni 	$L__BB0_40;
$L__BB0_39:
	cvt.u32.u64 	%r34, %rd74;
	cvt.u32.u64 	%r35, %rd137;
	rem.u32 	%r36, %r35, %r34;
	cvt.u64.u32 	%rd145, %r36;
$L__BB0_40:
	shl.b64 	%rd113, %rd145, 2;
	add.s64 	%rd114, %rd2, %rd113;
	ld.global.f32 	%f160, [%rd114];
	add.f32 	%f22, %f21, %f160;
	abs.f32 	%f161, %f22;
	setp.eq.f32 	%p32, %f161, 0f7F800000;
	setp.lt.f32 	%p33, %f22, 0f00000000;
	mov.f32 	%f380, 0f00000000;
	and.pred  	%p34, %p33, %p32;
	@%p34 bra 	$L__BB0_42;
	mul.f32 	%f162, %f22, 0f3F000000;
	mul.f32 	%f163, %f22, 0fBF3504F3;
	abs.f32 	%f164, %f163;
	add.f32 	%f165, %f164, 0fC0800000;
	mov.f32 	%f166, 0fC0800000;
	add.f32 	%f167, %f164, 0f40800000;
	rcp.approx.ftz.f32 	%f168, %f167;
	mul.rn.f32 	%f169, %f165, %f168;
	add.f32 	%f170, %f169, 0f3F800000;
	mov.f32 	%f171, 0f3F800000;
	fma.rn.f32 	%f172, %f166, %f170, %f164;
	neg.f32 	%f173, %f169;
	fma.rn.f32 	%f174, %f173, %f164, %f172;
	fma.rn.f32 	%f175, %f168, %f174, %f169;
	mov.f32 	%f176, 0f3BE6E05B;
	mov.f32 	%f177, 0f3A69A091;
	fma.rn.f32 	%f178, %f177, %f175, %f176;
	mov.f32 	%f179, 0fBC81FB4B;
	fma.rn.f32 	%f180, %f178, %f175, %f179;
	mov.f32 	%f181, 0f3D15373B;
	fma.rn.f32 	%f182, %f180, %f175, %f181;
	mov.f32 	%f183, 0fBD887C5A;
	fma.rn.f32 	%f184, %f182, %f175, %f183;
	mov.f32 	%f185, 0f3DC021D5;
	fma.rn.f32 	%f186, %f184, %f175, %f185;
	mov.f32 	%f187, 0fBDCED424;
	fma.rn.f32 	%f188, %f186, %f175, %f187;
	mov.f32 	%f189, 0f3D8B74DE;
	fma.rn.f32 	%f190, %f188, %f175, %f189;
	mov.f32 	%f191, 0f3C7BF170;
	fma.rn.f32 	%f192, %f190, %f175, %f191;
	mov.f32 	%f193, 0fBE0EF8D4;
	fma.rn.f32 	%f194, %f192, %f175, %f193;
	mov.f32 	%f195, 0f3F9DD2C9;
	fma.rn.f32 	%f196, %f194, %f175, %f195;
	mov.f32 	%f197, 0f40000000;
	fma.rn.f32 	%f198, %f197, %f164, %f171;
	rcp.approx.ftz.f32 	%f199, %f198;
	mul.rn.f32 	%f200, %f196, %f199;
	mul.f32 	%f201, %f200, 0fC0000000;
	fma.rn.f32 	%f202, %f164, %f201, %f196;
	sub.f32 	%f203, %f202, %f200;
	fma.rn.f32 	%f204, %f203, %f199, %f200;
	mul.f32 	%f205, %f164, %f164;
	neg.f32 	%f206, %f205;
	mov.f32 	%f207, 0f3FB8AA3B;
	mul.rn.f32 	%f208, %f206, %f207;
	cvt.rzi.f32.f32 	%f209, %f208;
	abs.f32 	%f210, %f209;
	setp.gt.f32 	%p35, %f210, 0f42FC0000;
	mov.f32 	%f211, 0f42FC0000;
	copysign.f32 	%f212, %f209, %f211;
	selp.f32 	%f213, %f212, %f209, %p35;
	mov.f32 	%f214, 0fBF317218;
	fma.rn.f32 	%f215, %f213, %f214, %f206;
	mov.f32 	%f216, 0f3102E308;
	fma.rn.f32 	%f217, %f213, %f216, %f215;
	mul.f32 	%f218, %f217, 0f3FB8AA3B;
	add.f32 	%f219, %f213, 0f4B40007F;
	mov.b32 	%r37, %f219;
	shl.b32 	%r38, %r37, 23;
	mov.b32 	%f220, %r38;
	ex2.approx.ftz.f32 	%f221, %f218;
	mul.f32 	%f222, %f221, %f220;
	neg.f32 	%f223, %f164;
	fma.rn.f32 	%f224, %f223, %f164, %f205;
	fma.rn.f32 	%f225, %f222, %f224, %f222;
	mul.f32 	%f226, %f204, %f225;
	setp.gt.f32 	%p36, %f164, 0f4120E148;
	selp.f32 	%f227, 0f00000000, %f226, %p36;
	setp.lt.f32 	%p37, %f163, 0f00000000;
	sub.f32 	%f228, %f197, %f227;
	selp.f32 	%f229, %f228, %f227, %p37;
	mul.f32 	%f380, %f162, %f229;
$L__BB0_42:
	add.f32 	%f230, %f380, %f33;
	add.s64 	%rd116, %rd1, %rd109;
	st.global.f32 	[%rd116], %f230;
	add.s64 	%rd137, %rd137, %rd7;
$L__BB0_43:
	setp.gt.u64 	%p38, %rd7, %rd8;
	@%p38 bra 	$L__BB0_56;
	cvt.u32.u64 	%r39, %rd74;
$L__BB0_45:
	shl.b64 	%rd117, %rd137, 2;
	add.s64 	%rd63, %rd3, %rd117;
	ld.global.f32 	%f25, [%rd63];
	or.b64  	%rd118, %rd137, %rd74;
	and.b64  	%rd119, %rd118, -4294967296;
	setp.eq.s64 	%p39, %rd119, 0;
	@%p39 bra 	$L__BB0_47;
	rem.s64 	%rd148, %rd137, %rd74;
	bra.uni 	$L__BB0_48;
$L__BB0_47:
	cvt.u32.u64 	%r40, %rd137;
	rem.u32 	%r41, %r40, %r39;
	cvt.u64.u32 	%rd148, %r41;
$L__BB0_48:
	shl.b64 	%rd120, %rd148, 2;
	add.s64 	%rd121, %rd2, %rd120;
	ld.global.f32 	%f232, [%rd121];
	add.f32 	%f26, %f25, %f232;
	abs.f32 	%f233, %f26;
	setp.eq.f32 	%p40, %f233, 0f7F800000;
	setp.lt.f32 	%p41, %f26, 0f00000000;
	mov.f32 	%f381, 0f00000000;
	and.pred  	%p42, %p41, %p40;
	@%p42 bra 	$L__BB0_50;
	mul.f32 	%f234, %f26, 0f3F000000;
	mul.f32 	%f235, %f26, 0fBF3504F3;
	abs.f32 	%f236, %f235;
	add.f32 	%f237, %f236, 0fC0800000;
	mov.f32 	%f238, 0fC0800000;
	add.f32 	%f239, %f236, 0f40800000;
	rcp.approx.ftz.f32 	%f240, %f239;
	mul.rn.f32 	%f241, %f237, %f240;
	add.f32 	%f242, %f241, 0f3F800000;
	mov.f32 	%f243, 0f3F800000;
	fma.rn.f32 	%f244, %f238, %f242, %f236;
	neg.f32 	%f245, %f241;
	fma.rn.f32 	%f246, %f245, %f236, %f244;
	fma.rn.f32 	%f247, %f240, %f246, %f241;
	mov.f32 	%f248, 0f3BE6E05B;
	mov.f32 	%f249, 0f3A69A091;
	fma.rn.f32 	%f250, %f249, %f247, %f248;
	mov.f32 	%f251, 0fBC81FB4B;
	fma.rn.f32 	%f252, %f250, %f247, %f251;
	mov.f32 	%f253, 0f3D15373B;
	fma.rn.f32 	%f254, %f252, %f247, %f253;
	mov.f32 	%f255, 0fBD887C5A;
	fma.rn.f32 	%f256, %f254, %f247, %f255;
	mov.f32 	%f257, 0f3DC021D5;
	fma.rn.f32 	%f258, %f256, %f247, %f257;
	mov.f32 	%f259, 0fBDCED424;
	fma.rn.f32 	%f260, %f258, %f247, %f259;
	mov.f32 	%f261, 0f3D8B74DE;
	fma.rn.f32 	%f262, %f260, %f247, %f261;
	mov.f32 	%f263, 0f3C7BF170;
	fma.rn.f32 	%f264, %f262, %f247, %f263;
	mov.f32 	%f265, 0fBE0EF8D4;
	fma.rn.f32 	%f266, %f264, %f247, %f265;
	mov.f32 	%f267, 0f3F9DD2C9;
	fma.rn.f32 	%f268, %f266, %f247, %f267;
	mov.f32 	%f269, 0f40000000;
	fma.rn.f32 	%f270, %f269, %f236, %f243;
	rcp.approx.ftz.f32 	%f271, %f270;
	mul.rn.f32 	%f272, %f268, %f271;
	mul.f32 	%f273, %f272, 0fC0000000;
	fma.rn.f32 	%f274, %f236, %f273, %f268;
	sub.f32 	%f275, %f274, %f272;
	fma.rn.f32 	%f276, %f275, %f271, %f272;
	mul.f32 	%f277, %f236, %f236;
	neg.f32 	%f278, %f277;
	mov.f32 	%f279, 0f3FB8AA3B;
	mul.rn.f32 	%f280, %f278, %f279;
	cvt.rzi.f32.f32 	%f281, %f280;
	abs.f32 	%f282, %f281;
	setp.gt.f32 	%p43, %f282, 0f42FC0000;
	mov.f32 	%f283, 0f42FC0000;
	copysign.f32 	%f284, %f281, %f283;
	selp.f32 	%f285, %f284, %f281, %p43;
	mov.f32 	%f286, 0fBF317218;
	fma.rn.f32 	%f287, %f285, %f286, %f278;
	mov.f32 	%f288, 0f3102E308;
	fma.rn.f32 	%f289, %f285, %f288, %f287;
	mul.f32 	%f290, %f289, 0f3FB8AA3B;
	add.f32 	%f291, %f285, 0f4B40007F;
	mov.b32 	%r42, %f291;
	shl.b32 	%r43, %r42, 23;
	mov.b32 	%f292, %r43;
	ex2.approx.ftz.f32 	%f293, %f290;
	mul.f32 	%f294, %f293, %f292;
	neg.f32 	%f295, %f236;
	fma.rn.f32 	%f296, %f295, %f236, %f277;
	fma.rn.f32 	%f297, %f294, %f296, %f294;
	mul.f32 	%f298, %f276, %f297;
	setp.gt.f32 	%p44, %f236, 0f4120E148;
	selp.f32 	%f299, 0f00000000, %f298, %p44;
	setp.lt.f32 	%p45, %f235, 0f00000000;
	sub.f32 	%f300, %f269, %f299;
	selp.f32 	%f301, %f300, %f299, %p45;
	mul.f32 	%f381, %f234, %f301;
$L__BB0_50:
	add.s64 	%rd67, %rd1, %rd117;
	add.f32 	%f302, %f381, %f33;
	st.global.f32 	[%rd67], %f302;
	shl.b64 	%rd123, %rd7, 2;
	add.s64 	%rd124, %rd63, %rd123;
	ld.global.f32 	%f29, [%rd124];
	add.s64 	%rd68, %rd137, %rd7;
	or.b64  	%rd125, %rd68, %rd74;
	and.b64  	%rd126, %rd125, -4294967296;
	setp.eq.s64 	%p46, %rd126, 0;
	@%p46 bra 	$L__BB0_52;
	rem.s64 	%rd149, %rd68, %rd74;
	bra.uni 	$L__BB0_53;
$L__BB0_52:
	cvt.u32.u64 	%r45, %rd68;
	rem.u32 	%r46, %r45, %r39;
	cvt.u64.u32 	%rd149, %r46;
$L__BB0_53:
	shl.b64 	%rd127, %rd149, 2;
	add.s64 	%rd128, %rd2, %rd127;
	ld.global.f32 	%f304, [%rd128];
	add.f32 	%f30, %f29, %f304;
	abs.f32 	%f305, %f30;
	setp.eq.f32 	%p47, %f305, 0f7F800000;
	setp.lt.f32 	%p48, %f30, 0f00000000;
	mov.f32 	%f382, 0f00000000;
	and.pred  	%p49, %p48, %p47;
	@%p49 bra 	$L__BB0_55;
	mul.f32 	%f306, %f30, 0f3F000000;
	mul.f32 	%f307, %f30, 0fBF3504F3;
	abs.f32 	%f308, %f307;
	add.f32 	%f309, %f308, 0fC0800000;
	mov.f32 	%f310, 0fC0800000;
	add.f32 	%f311, %f308, 0f40800000;
	rcp.approx.ftz.f32 	%f312, %f311;
	mul.rn.f32 	%f313, %f309, %f312;
	add.f32 	%f314, %f313, 0f3F800000;
	mov.f32 	%f315, 0f3F800000;
	fma.rn.f32 	%f316, %f310, %f314, %f308;
	neg.f32 	%f317, %f313;
	fma.rn.f32 	%f318, %f317, %f308, %f316;
	fma.rn.f32 	%f319, %f312, %f318, %f313;
	mov.f32 	%f320, 0f3BE6E05B;
	mov.f32 	%f321, 0f3A69A091;
	fma.rn.f32 	%f322, %f321, %f319, %f320;
	mov.f32 	%f323, 0fBC81FB4B;
	fma.rn.f32 	%f324, %f322, %f319, %f323;
	mov.f32 	%f325, 0f3D15373B;
	fma.rn.f32 	%f326, %f324, %f319, %f325;
	mov.f32 	%f327, 0fBD887C5A;
	fma.rn.f32 	%f328, %f326, %f319, %f327;
	mov.f32 	%f329, 0f3DC021D5;
	fma.rn.f32 	%f330, %f328, %f319, %f329;
	mov.f32 	%f331, 0fBDCED424;
	fma.rn.f32 	%f332, %f330, %f319, %f331;
	mov.f32 	%f333, 0f3D8B74DE;
	fma.rn.f32 	%f334, %f332, %f319, %f333;
	mov.f32 	%f335, 0f3C7BF170;
	fma.rn.f32 	%f336, %f334, %f319, %f335;
	mov.f32 	%f337, 0fBE0EF8D4;
	fma.rn.f32 	%f338, %f336, %f319, %f337;
	mov.f32 	%f339, 0f3F9DD2C9;
	fma.rn.f32 	%f340, %f338, %f319, %f339;
	mov.f32 	%f341, 0f40000000;
	fma.rn.f32 	%f342, %f341, %f308, %f315;
	rcp.approx.ftz.f32 	%f343, %f342;
	mul.rn.f32 	%f344, %f340, %f343;
	mul.f32 	%f345, %f344, 0fC0000000;
	fma.rn.f32 	%f346, %f308, %f345, %f340;
	sub.f32 	%f347, %f346, %f344;
	fma.rn.f32 	%f348, %f347, %f343, %f344;
	mul.f32 	%f349, %f308, %f308;
	neg.f32 	%f350, %f349;
	mov.f32 	%f351, 0f3FB8AA3B;
	mul.rn.f32 	%f352, %f350, %f351;
	cvt.rzi.f32.f32 	%f353, %f352;
	abs.f32 	%f354, %f353;
	setp.gt.f32 	%p50, %f354, 0f42FC0000;
	mov.f32 	%f355, 0f42FC0000;
	copysign.f32 	%f356, %f353, %f355;
	selp.f32 	%f357, %f356, %f353, %p50;
	mov.f32 	%f358, 0fBF317218;
	fma.rn.f32 	%f359, %f357, %f358, %f350;
	mov.f32 	%f360, 0f3102E308;
	fma.rn.f32 	%f361, %f357, %f360, %f359;
	mul.f32 	%f362, %f361, 0f3FB8AA3B;
	add.f32 	%f363, %f357, 0f4B40007F;
	mov.b32 	%r47, %f363;
	shl.b32 	%r48, %r47, 23;
	mov.b32 	%f364, %r48;
	ex2.approx.ftz.f32 	%f365, %f362;
	mul.f32 	%f366, %f365, %f364;
	neg.f32 	%f367, %f308;
	fma.rn.f32 	%f368, %f367, %f308, %f349;
	fma.rn.f32 	%f369, %f366, %f368, %f366;
	mul.f32 	%f370, %f348, %f369;
	setp.gt.f32 	%p51, %f308, 0f4120E148;
	selp.f32 	%f371, 0f00000000, %f370, %p51;
	setp.lt.f32 	%p52, %f307, 0f00000000;
	sub.f32 	%f372, %f341, %f371;
	selp.f32 	%f373, %f372, %f371, %p52;
	mul.f32 	%f382, %f306, %f373;
$L__BB0_55:
	add.f32 	%f374, %f382, %f33;
	add.s64 	%rd130, %rd67, %rd123;
	st.global.f32 	[%rd130], %f374;
	add.s64 	%rd137, %rd68, %rd7;
	setp.lt.s64 	%p53, %rd137, %rd73;
	@%p53 bra 	$L__BB0_45;
$L__BB0_56:
	ret;
}
.visible .entry rms_norm_fp32(
	.param .u64 rms_norm_fp32_param_0,
	.param .u64 rms_norm_fp32_param_1,
	.param .u64 rms_norm_fp32_param_2,
	.param .u64 rms_norm_fp32_param_3,
	.param .u64 rms_norm_fp32_param_4,
	.param .f32 rms_norm_fp32_param_5,
	.param .f32 rms_norm_fp32_param_6
)
{
	.reg .pred 	%p<19>;
	.reg .f32 	%f<56>;
	.reg .b32 	%r<48>;
	.reg .b64 	%rd<32>;
	.shared .align 4 .b8 _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd18rms_normIfEEvPKT_S4_PS2_xxffE7partial[128];
	ld.param.u64 	%rd19, [rms_norm_fp32_param_0];
	ld.param.u64 	%rd15, [rms_norm_fp32_param_1];
	ld.param.u64 	%rd16, [rms_norm_fp32_param_2];
	ld.param.u64 	%rd17, [rms_norm_fp32_param_3];
	ld.param.u64 	%rd18, [rms_norm_fp32_param_4];
	ld.param.f32 	%f15, [rms_norm_fp32_param_5];
	ld.param.f32 	%f16, [rms_norm_fp32_param_6];
	cvta.to.global.u64 	%rd1, %rd19;
	mov.u32 	%r15, %ctaid.x;
	cvt.u64.u32 	%rd29, %r15;
	setp.ge.s64 	%p1, %rd29, %rd17;
	@%p1 bra 	$L__BB1_19;
	mov.u32 	%r16, %tid.x;
	cvt.u64.u32 	%rd3, %r16;
	mov.u32 	%r17, %ntid.x;
	cvt.u64.u32 	%rd4, %r17;
	and.b32  	%r1, %r16, 31;
	shr.u32 	%r18, %r16, 3;
	and.b32  	%r19, %r18, 536870908;
	mov.u32 	%r20, _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd18rms_normIfEEvPKT_S4_PS2_xxffE7partial;
	add.s32 	%r2, %r20, %r19;
	shr.u32 	%r3, %r17, 5;
	cvt.rn.f32.s64 	%f1, %rd18;
	mov.u32 	%r21, %nctaid.x;
	cvt.u64.u32 	%rd5, %r21;
	add.s32 	%r4, %r3, -1;
	and.b32  	%r5, %r3, 3;
	sub.s32 	%r6, %r3, %r5;
	cvta.to.global.u64 	%rd6, %rd15;
	cvta.to.global.u64 	%rd7, %rd16;
$L__BB1_2:
	mul.lo.s64 	%rd9, %rd29, %rd18;
	setp.ge.s64 	%p2, %rd3, %rd18;
	mov.f32 	%f51, 0f00000000;
	@%p2 bra 	$L__BB1_5;
	mov.f32 	%f51, 0f00000000;
	mov.u64 	%rd30, %rd3;
$L__BB1_4:
	add.s64 	%rd20, %rd30, %rd9;
	shl.b64 	%rd21, %rd20, 2;
	add.s64 	%rd22, %rd1, %rd21;
	ld.global.f32 	%f19, [%rd22];
	fma.rn.f32 	%f51, %f19, %f19, %f51;
	add.s64 	%rd30, %rd30, %rd4;
	setp.lt.s64 	%p3, %rd30, %rd18;
	@%p3 bra 	$L__BB1_4;
$L__BB1_5:
	mov.b32 	%r22, %f51;
	mov.u32 	%r23, 31;
	mov.u32 	%r24, 16;
	mov.u32 	%r25, -1;
	shfl.sync.bfly.b32 	%r26|%p4, %r22, %r24, %r23, %r25;
	mov.b32 	%f20, %r26;
	add.f32 	%f21, %f51, %f20;
	mov.b32 	%r27, %f21;
	mov.u32 	%r28, 8;
	shfl.sync.bfly.b32 	%r29|%p5, %r27, %r28, %r23, %r25;
	mov.b32 	%f22, %r29;
	add.f32 	%f23, %f21, %f22;
	mov.b32 	%r30, %f23;
	mov.u32 	%r31, 4;
	shfl.sync.bfly.b32 	%r32|%p6, %r30, %r31, %r23, %r25;
	mov.b32 	%f24, %r32;
	add.f32 	%f25, %f23, %f24;
	mov.b32 	%r33, %f25;
	mov.u32 	%r34, 2;
	shfl.sync.bfly.b32 	%r35|%p7, %r33, %r34, %r23, %r25;
	mov.b32 	%f26, %r35;
	add.f32 	%f27, %f25, %f26;
	mov.b32 	%r36, %f27;
	mov.u32 	%r37, 1;
	shfl.sync.bfly.b32 	%r38|%p8, %r36, %r37, %r23, %r25;
	mov.b32 	%f28, %r38;
	add.f32 	%f5, %f27, %f28;
	setp.ne.s32 	%p9, %r1, 0;
	@%p9 bra 	$L__BB1_7;
	st.shared.f32 	[%r2], %f5;
$L__BB1_7:
	setp.eq.s32 	%p10, %r3, 0;
	bar.sync 	0;
	mov.f32 	%f55, 0f00000000;
	@%p10 bra 	$L__BB1_15;
	setp.lt.u32 	%p11, %r4, 3;
	mov.f32 	%f55, 0f00000000;
	mov.u32 	%r47, 0;
	@%p11 bra 	$L__BB1_11;
	mov.f32 	%f55, 0f00000000;
	mov.u32 	%r47, 0;
	mov.u32 	%r44, %r20;
	mov.u32 	%r46, %r6;
$L__BB1_10:
	ld.shared.f32 	%f33, [%r44];
	add.f32 	%f34, %f55, %f33;
	ld.shared.f32 	%f35, [%r44+4];
	add.f32 	%f36, %f34, %f35;
	ld.shared.f32 	%f37, [%r44+8];
	add.f32 	%f38, %f36, %f37;
	ld.shared.f32 	%f39, [%r44+12];
	add.f32 	%f55, %f38, %f39;
	add.s32 	%r47, %r47, 4;
	add.s32 	%r44, %r44, 16;
	add.s32 	%r46, %r46, -4;
	setp.ne.s32 	%p12, %r46, 0;
	@%p12 bra 	$L__BB1_10;
$L__BB1_11:
	setp.eq.s32 	%p13, %r5, 0;
	@%p13 bra 	$L__BB1_15;
	setp.eq.s32 	%p14, %r5, 1;
	shl.b32 	%r42, %r47, 2;
	add.s32 	%r14, %r20, %r42;
	ld.shared.f32 	%f40, [%r14];
	add.f32 	%f55, %f55, %f40;
	@%p14 bra 	$L__BB1_15;
	setp.eq.s32 	%p15, %r5, 2;
	ld.shared.f32 	%f41, [%r14+4];
	add.f32 	%f55, %f55, %f41;
	@%p15 bra 	$L__BB1_15;
	ld.shared.f32 	%f42, [%r14+8];
	add.f32 	%f55, %f55, %f42;
$L__BB1_15:
	bar.sync 	0;
	@%p2 bra 	$L__BB1_18;
	div.rn.f32 	%f43, %f55, %f1;
	add.f32 	%f44, %f43, %f15;
	sqrt.rn.f32 	%f45, %f44;
	rcp.rn.f32 	%f14, %f45;
	mov.u64 	%rd31, %rd3;
$L__BB1_17:
	add.s64 	%rd23, %rd31, %rd9;
	shl.b64 	%rd24, %rd23, 2;
	add.s64 	%rd25, %rd7, %rd24;
	add.s64 	%rd26, %rd1, %rd24;
	ld.global.f32 	%f46, [%rd26];
	mul.f32 	%f47, %f14, %f46;
	shl.b64 	%rd27, %rd31, 2;
	add.s64 	%rd28, %rd6, %rd27;
	ld.global.f32 	%f48, [%rd28];
	fma.rn.f32 	%f49, %f47, %f48, %f16;
	st.global.f32 	[%rd25], %f49;
	add.s64 	%rd31, %rd31, %rd4;
	setp.lt.s64 	%p17, %rd31, %rd18;
	@%p17 bra 	$L__BB1_17;
$L__BB1_18:
	add.s64 	%rd29, %rd29, %rd5;
	setp.lt.s64 	%p18, %rd29, %rd17;
	@%p18 bra 	$L__BB1_2;
$L__BB1_19:
	ret;
}
.visible .entry modulo_fp32(
	.param .u64 modulo_fp32_param_0,
	.param .u64 modulo_fp32_param_1,
	.param .u64 modulo_fp32_param_2,
	.param .u64 modulo_fp32_param_3,
	.param .u64 modulo_fp32_param_4,
	.param .f32 modulo_fp32_param_5
)
{
	.reg .pred 	%p<43>;
	.reg .f32 	%f<108>;
	.reg .b32 	%r<47>;
	.reg .b64 	%rd<30>;
	ld.param.u64 	%rd13, [modulo_fp32_param_0];
	ld.param.u64 	%rd14, [modulo_fp32_param_1];
	ld.param.u64 	%rd15, [modulo_fp32_param_2];
	ld.param.u64 	%rd11, [modulo_fp32_param_3];
	ld.param.u64 	%rd12, [modulo_fp32_param_4];
	ld.param.f32 	%f49, [modulo_fp32_param_5];
	cvta.to.global.u64 	%rd1, %rd15;
	cvta.to.global.u64 	%rd2, %rd13;
	cvta.to.global.u64 	%rd3, %rd14;
	mov.u32 	%r19, %ctaid.x;
	mov.u32 	%r20, %ntid.x;
	cvt.u64.u32 	%rd4, %r20;
	mul.wide.u32 	%rd16, %r19, %r20;
	mov.u32 	%r21, %tid.x;
	cvt.u64.u32 	%rd17, %r21;
	add.s64 	%rd28, %rd16, %rd17;
	setp.ge.s64 	%p1, %rd28, %rd11;
	@%p1 bra 	$L__BB2_34;
	setp.eq.s64 	%p2, %rd12, 1;
	mov.u32 	%r22, %nctaid.x;
	cvt.u64.u32 	%rd18, %r22;
	mul.lo.s64 	%rd6, %rd18, %rd4;
	@%p2 bra 	$L__BB2_18;
	bra.uni 	$L__BB2_2;
$L__BB2_18:
	ld.global.f32 	%f25, [%rd3];
	abs.f32 	%f26, %f25;
	shl.b64 	%rd24, %rd28, 2;
	add.s64 	%rd25, %rd2, %rd24;
	ld.global.f32 	%f27, [%rd25];
	abs.f32 	%f106, %f27;
	setp.lt.f32 	%p23, %f106, %f26;
	@%p23 bra 	$L__BB2_30;
	mul.f32 	%f29, %f26, 0f4B000000;
	setp.gtu.f32 	%p24, %f106, %f29;
	@%p24 bra 	$L__BB2_26;
	bra.uni 	$L__BB2_20;
$L__BB2_26:
	mov.b32 	%r11, %f106;
	mov.b32 	%r12, %f29;
	and.b32  	%r34, %r11, 8388607;
	or.b32  	%r45, %r34, 1065353216;
	mov.b32 	%f105, %r45;
	add.s32 	%r35, %r12, -192937984;
	and.b32  	%r36, %r35, -8388608;
	sub.s32 	%r37, %r11, %r36;
	and.b32  	%r46, %r37, -8388608;
	setp.eq.s32 	%p30, %r46, 0;
	@%p30 bra 	$L__BB2_29;
	and.b32  	%r38, %r12, 8388607;
	or.b32  	%r39, %r38, 1065353216;
	mov.b32 	%f83, %r39;
	rcp.approx.ftz.f32 	%f39, %f83;
	neg.f32 	%f40, %f83;
$L__BB2_28:
	min.u32 	%r40, %r46, 192937984;
	add.s32 	%r41, %r40, %r45;
	mov.b32 	%f84, %r41;
	mov.f32 	%f85, 0f80000000;
	fma.rn.f32 	%f86, %f84, %f39, %f85;
	fma.rn.f32 	%f87, %f40, %f86, %f84;
	fma.rn.f32 	%f88, %f87, %f39, %f86;
	fma.rn.f32 	%f89, %f40, %f88, %f84;
	fma.rz.f32 	%f90, %f89, %f39, %f88;
	cvt.rzi.f32.f32 	%f91, %f90;
	fma.rn.f32 	%f105, %f40, %f91, %f84;
	sub.s32 	%r46, %r46, %r40;
	mov.b32 	%r45, %f105;
	setp.ne.s32 	%p31, %r46, 0;
	setp.ne.s32 	%p32, %r45, 0;
	and.pred  	%p33, %p31, %p32;
	@%p33 bra 	$L__BB2_28;
$L__BB2_29:
	setp.gt.u32 	%p34, %r11, 2139095039;
	setp.leu.f32 	%p35, %f26, 0f00000000;
	or.pred  	%p36, %p35, %p34;
	and.b32  	%r42, %r12, -8388608;
	mov.b32 	%f92, %r42;
	selp.f32 	%f93, 0f7FFFFFFF, %f92, %p36;
	mul.f32 	%f94, %f105, 0f34000000;
	mul.f32 	%f106, %f93, %f94;
	bra.uni 	$L__BB2_30;
$L__BB2_20:
	div.approx.f32 	%f75, %f106, %f26;
	cvt.rzi.f32.f32 	%f104, %f75;
	neg.f32 	%f31, %f26;
	fma.rn.f32 	%f32, %f31, %f104, %f106;
	mov.b32 	%r10, %f32;
	mov.b32 	%r33, %f26;
	setp.lt.u32 	%p25, %r10, %r33;
	@%p25 bra 	$L__BB2_25;
	setp.gt.u32 	%p26, %r10, -2147483648;
	@%p26 bra 	$L__BB2_24;
	bra.uni 	$L__BB2_22;
$L__BB2_24:
	add.f32 	%f81, %f104, 0fBF800000;
	add.f32 	%f82, %f81, 0fBF800000;
	setp.lt.f32 	%p29, %f32, %f31;
	selp.f32 	%f104, %f82, %f81, %p29;
	bra.uni 	$L__BB2_25;
$L__BB2_22:
	add.f32 	%f104, %f104, 0f3F800000;
	add.f32 	%f76, %f26, %f26;
	setp.ltu.f32 	%p27, %f32, %f76;
	@%p27 bra 	$L__BB2_25;
	add.f32 	%f77, %f104, 0f3F800000;
	mov.f32 	%f78, 0fC0400000;
	fma.rn.f32 	%f79, %f78, %f26, %f32;
	setp.ge.f32 	%p28, %f79, 0f00000000;
	add.f32 	%f80, %f77, 0f3F800000;
	selp.f32 	%f104, %f80, %f77, %p28;
$L__BB2_25:
	fma.rn.f32 	%f106, %f31, %f104, %f106;
$L__BB2_30:
	abs.f32 	%f95, %f106;
	setp.gtu.f32 	%p37, %f95, 0f7F800000;
	copysign.f32 	%f96, %f27, %f106;
	selp.f32 	%f45, %f106, %f96, %p37;
	setp.eq.f32 	%p38, %f45, 0f00000000;
	@%p38 bra 	$L__BB2_32;
	bra.uni 	$L__BB2_31;
$L__BB2_32:
	mov.f32 	%f98, 0f00000000;
	copysign.f32 	%f107, %f25, %f98;
	bra.uni 	$L__BB2_33;
$L__BB2_31:
	setp.lt.f32 	%p39, %f45, 0f00000000;
	setp.lt.f32 	%p40, %f25, 0f00000000;
	xor.pred  	%p41, %p40, %p39;
	add.f32 	%f97, %f25, %f45;
	selp.f32 	%f107, %f97, %f45, %p41;
$L__BB2_33:
	add.f32 	%f99, %f107, %f49;
	add.s64 	%rd27, %rd1, %rd24;
	st.global.f32 	[%rd27], %f99;
	add.s64 	%rd28, %rd28, %rd6;
	setp.lt.s64 	%p42, %rd28, %rd11;
	@%p42 bra 	$L__BB2_18;
	bra.uni 	$L__BB2_34;
$L__BB2_2:
	shl.b64 	%rd19, %rd28, 2;
	add.s64 	%rd20, %rd3, %rd19;
	ld.global.f32 	%f1, [%rd20];
	abs.f32 	%f2, %f1;
	add.s64 	%rd21, %rd2, %rd19;
	ld.global.f32 	%f3, [%rd21];
	abs.f32 	%f102, %f3;
	setp.lt.f32 	%p3, %f102, %f2;
	@%p3 bra 	$L__BB2_14;
	mul.f32 	%f5, %f2, 0f4B000000;
	setp.gtu.f32 	%p4, %f102, %f5;
	@%p4 bra 	$L__BB2_10;
	bra.uni 	$L__BB2_4;
$L__BB2_10:
	mov.b32 	%r2, %f102;
	mov.b32 	%r3, %f5;
	and.b32  	%r24, %r2, 8388607;
	or.b32  	%r43, %r24, 1065353216;
	mov.b32 	%f101, %r43;
	add.s32 	%r25, %r3, -192937984;
	and.b32  	%r26, %r25, -8388608;
	sub.s32 	%r27, %r2, %r26;
	and.b32  	%r44, %r27, -8388608;
	setp.eq.s32 	%p10, %r44, 0;
	@%p10 bra 	$L__BB2_13;
	and.b32  	%r28, %r3, 8388607;
	or.b32  	%r29, %r28, 1065353216;
	mov.b32 	%f58, %r29;
	rcp.approx.ftz.f32 	%f15, %f58;
	neg.f32 	%f16, %f58;
$L__BB2_12:
	min.u32 	%r30, %r44, 192937984;
	add.s32 	%r31, %r30, %r43;
	mov.b32 	%f59, %r31;
	mov.f32 	%f60, 0f80000000;
	fma.rn.f32 	%f61, %f59, %f15, %f60;
	fma.rn.f32 	%f62, %f16, %f61, %f59;
	fma.rn.f32 	%f63, %f62, %f15, %f61;
	fma.rn.f32 	%f64, %f16, %f63, %f59;
	fma.rz.f32 	%f65, %f64, %f15, %f63;
	cvt.rzi.f32.f32 	%f66, %f65;
	fma.rn.f32 	%f101, %f16, %f66, %f59;
	sub.s32 	%r44, %r44, %r30;
	mov.b32 	%r43, %f101;
	setp.ne.s32 	%p11, %r44, 0;
	setp.ne.s32 	%p12, %r43, 0;
	and.pred  	%p13, %p11, %p12;
	@%p13 bra 	$L__BB2_12;
$L__BB2_13:
	setp.gt.u32 	%p14, %r2, 2139095039;
	setp.leu.f32 	%p15, %f2, 0f00000000;
	or.pred  	%p16, %p15, %p14;
	and.b32  	%r32, %r3, -8388608;
	mov.b32 	%f67, %r32;
	selp.f32 	%f68, 0f7FFFFFFF, %f67, %p16;
	mul.f32 	%f69, %f101, 0f34000000;
	mul.f32 	%f102, %f68, %f69;
	bra.uni 	$L__BB2_14;
$L__BB2_4:
	div.approx.f32 	%f50, %f102, %f2;
	cvt.rzi.f32.f32 	%f100, %f50;
	neg.f32 	%f7, %f2;
	fma.rn.f32 	%f8, %f7, %f100, %f102;
	mov.b32 	%r1, %f8;
	mov.b32 	%r23, %f2;
	setp.lt.u32 	%p5, %r1, %r23;
	@%p5 bra 	$L__BB2_9;
	setp.gt.u32 	%p6, %r1, -2147483648;
	@%p6 bra 	$L__BB2_8;
	bra.uni 	$L__BB2_6;
$L__BB2_8:
	add.f32 	%f56, %f100, 0fBF800000;
	add.f32 	%f57, %f56, 0fBF800000;
	setp.lt.f32 	%p9, %f8, %f7;
	selp.f32 	%f100, %f57, %f56, %p9;
	bra.uni 	$L__BB2_9;
$L__BB2_6:
	add.f32 	%f100, %f100, 0f3F800000;
	add.f32 	%f51, %f2, %f2;
	setp.ltu.f32 	%p7, %f8, %f51;
	@%p7 bra 	$L__BB2_9;
	add.f32 	%f52, %f100, 0f3F800000;
	mov.f32 	%f53, 0fC0400000;
	fma.rn.f32 	%f54, %f53, %f2, %f8;
	setp.ge.f32 	%p8, %f54, 0f00000000;
	add.f32 	%f55, %f52, 0f3F800000;
	selp.f32 	%f100, %f55, %f52, %p8;
$L__BB2_9:
	fma.rn.f32 	%f102, %f7, %f100, %f102;
$L__BB2_14:
	abs.f32 	%f70, %f102;
	setp.gtu.f32 	%p17, %f70, 0f7F800000;
	copysign.f32 	%f71, %f3, %f102;
	selp.f32 	%f21, %f102, %f71, %p17;
	setp.eq.f32 	%p18, %f21, 0f00000000;
	@%p18 bra 	$L__BB2_16;
	bra.uni 	$L__BB2_15;
$L__BB2_16:
	mov.f32 	%f73, 0f00000000;
	copysign.f32 	%f103, %f1, %f73;
	bra.uni 	$L__BB2_17;
$L__BB2_15:
	setp.lt.f32 	%p19, %f21, 0f00000000;
	setp.lt.f32 	%p20, %f1, 0f00000000;
	xor.pred  	%p21, %p20, %p19;
	add.f32 	%f72, %f1, %f21;
	selp.f32 	%f103, %f72, %f21, %p21;
$L__BB2_17:
	add.f32 	%f74, %f103, %f49;
	add.s64 	%rd23, %rd1, %rd19;
	st.global.f32 	[%rd23], %f74;
	add.s64 	%rd28, %rd28, %rd6;
	setp.lt.s64 	%p22, %rd28, %rd11;
	@%p22 bra 	$L__BB2_2;
$L__BB2_34:
	ret;
}
.visible .entry select_above_fp32(
	.param .u64 select_above_fp32_param_0,
	.param .u64 select_above_fp32_param_1,
	.param .u64 select_above_fp32_param_2,
	.param .u64 select_above_fp32_param_3,
	.param .u64 select_above_fp32_param_4,
	.param .f32 select_above_fp32_param_5
)
{
	.reg .pred 	%p<27>;
	.reg .f32 	%f<6>;
	.reg .b32 	%r<89>;
	.reg .b64 	%rd<29>;
	.shared .align 8 .u64 _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveIfEEvPKT_S4_PS2_PxxfE7written;
	.shared .align 4 .b8 _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveIfEEvPKT_S4_PS2_PxxfE5ranks[128];
	ld.param.u64 	%rd8, [select_above_fp32_param_0];
	ld.param.u64 	%rd12, [select_above_fp32_param_1];
	ld.param.u64 	%rd9, [select_above_fp32_param_2];
	ld.param.u64 	%rd10, [select_above_fp32_param_3];
	ld.param.u64 	%rd11, [select_above_fp32_param_4];
	ld.param.f32 	%f2, [select_above_fp32_param_5];
	cvta.to.global.u64 	%rd13, %rd12;
	ld.global.f32 	%f1, [%rd13];
	mov.u32 	%r1, %tid.x;
	setp.ne.s32 	%p3, %r1, 0;
	@%p3 bra 	$L__BB3_2;
	mov.u64 	%rd14, 0;
	st.shared.u64 	[_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveIfEEvPKT_S4_PS2_PxxfE7written], %rd14;
$L__BB3_2:
	bar.sync 	0;
	and.b32  	%r2, %r1, 31;
	shr.u32 	%r3, %r1, 5;
	setp.lt.s64 	%p4, %rd11, 1;
	@%p4 bra 	$L__BB3_21;
	cvt.u64.u32 	%rd1, %r1;
	shl.b32 	%r34, %r3, 2;
	mov.u32 	%r35, _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveIfEEvPKT_S4_PS2_PxxfE5ranks;
	add.s32 	%r4, %r35, %r34;
	mov.u32 	%r36, -1;
	shl.b32 	%r37, %r36, %r2;
	not.b32 	%r5, %r37;
	mov.u32 	%r38, %ntid.x;
	shr.u32 	%r6, %r38, 5;
	cvt.u64.u32 	%rd2, %r38;
	add.s32 	%r7, %r6, -1;
	and.b32  	%r8, %r6, 3;
	sub.s32 	%r9, %r6, %r8;
	cvta.to.global.u64 	%rd3, %rd9;
	cvta.to.global.u64 	%rd4, %rd8;
	mov.u64 	%rd28, 0;
$L__BB3_4:
	add.s64 	%rd16, %rd28, %rd1;
	setp.ge.s64 	%p6, %rd16, %rd11;
	shl.b64 	%rd17, %rd16, 2;
	add.s64 	%rd6, %rd4, %rd17;
	mov.pred 	%p26, 0;
	@%p6 bra 	$L__BB3_6;
	ld.global.f32 	%f3, [%rd6];
	setp.gt.f32 	%p26, %f3, %f1;
$L__BB3_6:
	mov.u32 	%r39, -1;
	vote.sync.ballot.b32 	%r10, %p26, %r39;
	setp.ne.s32 	%p8, %r2, 0;
	@%p8 bra 	$L__BB3_8;
	popc.b32 	%r40, %r10;
	st.shared.u32 	[%r4], %r40;
$L__BB3_8:
	setp.eq.s32 	%p9, %r6, 0;
	mov.u32 	%r88, 0;
	bar.sync 	0;
	and.b32  	%r42, %r10, %r5;
	popc.b32 	%r87, %r42;
	@%p9 bra 	$L__BB3_16;
	setp.lt.u32 	%p10, %r7, 3;
	mov.u32 	%r84, 0;
	mov.u32 	%r88, %r84;
	@%p10 bra 	$L__BB3_12;
	mov.u32 	%r84, 0;
	mov.u32 	%r81, %r9;
$L__BB3_11:
	shl.b32 	%r48, %r84, 2;
	add.s32 	%r50, %r35, %r48;
	ld.shared.u32 	%r51, [%r50];
	setp.lt.u32 	%p11, %r84, %r3;
	selp.b32 	%r52, %r51, 0, %p11;
	add.s32 	%r53, %r52, %r87;
	add.s32 	%r54, %r51, %r88;
	add.s32 	%r55, %r84, 1;
	setp.lt.u32 	%p12, %r55, %r3;
	ld.shared.u32 	%r56, [%r50+4];
	selp.b32 	%r57, %r56, 0, %p12;
	add.s32 	%r58, %r57, %r53;
	add.s32 	%r59, %r56, %r54;
	add.s32 	%r60, %r84, 2;
	setp.lt.u32 	%p13, %r60, %r3;
	ld.shared.u32 	%r61, [%r50+8];
	selp.b32 	%r62, %r61, 0, %p13;
	add.s32 	%r63, %r62, %r58;
	add.s32 	%r64, %r61, %r59;
	add.s32 	%r65, %r84, 3;
	setp.lt.u32 	%p14, %r65, %r3;
	ld.shared.u32 	%r66, [%r50+12];
	selp.b32 	%r67, %r66, 0, %p14;
	add.s32 	%r87, %r67, %r63;
	add.s32 	%r88, %r66, %r64;
	add.s32 	%r84, %r84, 4;
	add.s32 	%r81, %r81, -4;
	setp.ne.s32 	%p15, %r81, 0;
	@%p15 bra 	$L__BB3_11;
$L__BB3_12:
	setp.eq.s32 	%p16, %r8, 0;
	@%p16 bra 	$L__BB3_16;
	setp.eq.s32 	%p17, %r8, 1;
	shl.b32 	%r68, %r84, 2;
	add.s32 	%r25, %r35, %r68;
	ld.shared.u32 	%r70, [%r25];
	setp.lt.u32 	%p18, %r84, %r3;
	selp.b32 	%r71, %r70, 0, %p18;
	add.s32 	%r87, %r71, %r87;
	add.s32 	%r88, %r70, %r88;
	@%p17 bra 	$L__BB3_16;
	setp.eq.s32 	%p19, %r8, 2;
	ld.shared.u32 	%r72, [%r25+4];
	add.s32 	%r73, %r84, 1;
	setp.lt.u32 	%p20, %r73, %r3;
	selp.b32 	%r74, %r72, 0, %p20;
	add.s32 	%r87, %r74, %r87;
	add.s32 	%r88, %r72, %r88;
	@%p19 bra 	$L__BB3_16;
	add.s32 	%r75, %r84, 2;
	setp.lt.u32 	%p21, %r75, %r3;
	ld.shared.u32 	%r76, [%r25+8];
	selp.b32 	%r77, %r76, 0, %p21;
	add.s32 	%r87, %r77, %r87;
	add.s32 	%r88, %r76, %r88;
$L__BB3_16:
	not.pred 	%p22, %p26;
	@%p22 bra 	$L__BB3_18;
	ld.shared.u64 	%rd18, [_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveIfEEvPKT_S4_PS2_PxxfE7written];
	cvt.s64.s32 	%rd19, %r87;
	add.s64 	%rd20, %rd18, %rd19;
	shl.b64 	%rd21, %rd20, 2;
	add.s64 	%rd22, %rd3, %rd21;
	ld.global.f32 	%f4, [%rd6];
	add.f32 	%f5, %f4, %f2;
	st.global.f32 	[%rd22], %f5;
$L__BB3_18:
	bar.sync 	0;
	@%p3 bra 	$L__BB3_20;
	cvt.s64.s32 	%rd23, %r88;
	ld.shared.u64 	%rd24, [_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveIfEEvPKT_S4_PS2_PxxfE7written];
	add.s64 	%rd25, %rd24, %rd23;
	st.shared.u64 	[_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveIfEEvPKT_S4_PS2_PxxfE7written], %rd25;
$L__BB3_20:
	bar.sync 	0;
	add.s64 	%rd28, %rd28, %rd2;
	setp.lt.s64 	%p24, %rd28, %rd11;
	@%p24 bra 	$L__BB3_4;
$L__BB3_21:
	@%p3 bra 	$L__BB3_23;
	ld.shared.u64 	%rd26, [_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveIfEEvPKT_S4_PS2_PxxfE7written];
	cvta.to.global.u64 	%rd27, %rd10;
	st.global.u64 	[%rd27], %rd26;
$L__BB3_23:
	ret;
}
.visible .entry bias_gelu_fp16(
	.param .u64 bias_gelu_fp16_param_0,
	.param .u64 bias_gelu_fp16_param_1,
	.param .u64 bias_gelu_fp16_param_2,
	.param .u64 bias_gelu_fp16_param_3,
	.param .u64 bias_gelu_fp16_param_4,
	.param .u32 bias_gelu_fp16_param_5,
	.param .f32 bias_gelu_fp16_param_6
)
{
	.reg .pred 	%p<16>;
	.reg .b16 	%rs<7>;
	.reg .f32 	%f<111>;
	.reg .b32 	%r<16>;
	.reg .b64 	%rd<45>;
	ld.param.u64 	%rd19, [bias_gelu_fp16_param_0];
	ld.param.u64 	%rd20, [bias_gelu_fp16_param_1];
	ld.param.u64 	%rd21, [bias_gelu_fp16_param_2];
	ld.param.u64 	%rd17, [bias_gelu_fp16_param_3];
	ld.param.u64 	%rd18, [bias_gelu_fp16_param_4];
	ld.param.u32 	%r1, [bias_gelu_fp16_param_5];
	ld.param.f32 	%f9, [bias_gelu_fp16_param_6];
	cvta.to.global.u64 	%rd1, %rd21;
	cvta.to.global.u64 	%rd2, %rd20;
	cvta.to.global.u64 	%rd3, %rd19;
	mov.u32 	%r2, %ctaid.x;
	mov.u32 	%r3, %ntid.x;
	cvt.u64.u32 	%rd4, %r3;
	mul.wide.u32 	%rd22, %r2, %r3;
	mov.u32 	%r4, %tid.x;
	cvt.u64.u32 	%rd23, %r4;
	add.s64 	%rd41, %rd22, %rd23;
	setp.ge.s64 	%p1, %rd41, %rd17;
	@%p1 bra 	$L__BB4_16;
	mov.u32 	%r5, %nctaid.x;
	cvt.u64.u32 	%rd24, %r5;
	mul.lo.s64 	%rd6, %rd24, %rd4;
	setp.eq.s32 	%p2, %r1, 0;
	@%p2 bra 	$L__BB4_9;
	cvt.u32.u64 	%r6, %rd18;
$L__BB4_3:
	shl.b64 	%rd25, %rd41, 1;
	add.s64 	%rd26, %rd3, %rd25;
	ld.global.u16 	%rs1, [%rd26];
	{  cvt.f32.f16 %f10, %rs1;}
	or.b64  	%rd27, %rd41, %rd18;
	and.b64  	%rd28, %rd27, -4294967296;
	setp.eq.s64 	%p3, %rd28, 0;
	@%p3 bra 	$L__BB4_5;
	rem.s64 	%rd42, %rd41, %rd18;
	bra.uni 	$L__BB4_6;
$L__BB4_5:
	cvt.u32.u64 	%r7, %rd41;
	rem.u32 	%r8, %r7, %r6;
	cvt.u64.u32 	%rd42, %r8;
$L__BB4_6:
	shl.b64 	%rd29, %rd42, 1;
	add.s64 	%rd30, %rd2, %rd29;
	ld.global.u16 	%rs2, [%rd30];
	{  cvt.f32.f16 %f11, %rs2;}
	add.f32 	%f2, %f10, %f11;
	abs.f32 	%f13, %f2;
	setp.eq.f32 	%p4, %f13, 0f7F800000;
	setp.lt.f32 	%p5, %f2, 0f00000000;
	mov.f32 	%f109, 0f00000000;
	and.pred  	%p6, %p5, %p4;
	@%p6 bra 	$L__BB4_8;
	mul.f32 	%f14, %f2, 0f3D372713;
	mul.f32 	%f15, %f2, %f14;
	fma.rn.f32 	%f16, %f2, %f15, %f2;
	mul.f32 	%f17, %f16, 0f3F4C422A;
	mul.f32 	%f18, %f17, 0fC0000000;
	mov.f32 	%f19, 0f3F000000;
	mov.f32 	%f20, 0f3BBB989D;
	fma.rn.f32 	%f21, %f18, %f20, %f19;
	cvt.sat.f32.f32 	%f22, %f21;
	mov.f32 	%f23, 0f4B400001;
	mov.f32 	%f24, 0f437C0000;
	fma.rm.f32 	%f25, %f22, %f24, %f23;
	add.f32 	%f26, %f25, 0fCB40007F;
	neg.f32 	%f27, %f26;
	mov.f32 	%f28, 0f3FB8AA3B;
	fma.rn.f32 	%f29, %f18, %f28, %f27;
	mov.f32 	%f30, 0f32A57060;
	fma.rn.f32 	%f31, %f18, %f30, %f29;
	mov.b32 	%r9, %f25;
	shl.b32 	%r10, %r9, 23;
	mov.b32 	%f32, %r10;
	ex2.approx.ftz.f32 	%f33, %f31;
	fma.rn.f32 	%f34, %f33, %f32, 0f3F800000;
	div.rn.f32 	%f109, %f2, %f34;
$L__BB4_8:
	add.f32 	%f35, %f109, %f9;
	{  cvt.rn.f16.f32 %rs3, %f35;}
	add.s64 	%rd32, %rd1, %rd25;
	st.global.u16 	[%rd32], %rs3;
	add.s64 	%rd41, %rd41, %rd6;
	setp.lt.s64 	%p7, %rd41, %rd17;
	@%p7 bra 	$L__BB4_3;
	bra.uni 	$L__BB4_16;
$L__BB4_9:
	cvt.u32.u64 	%r11, %rd18;
$L__BB4_10:
	shl.b64 	%rd33, %rd41, 1;
	add.s64 	%rd34, %rd3, %rd33;
	ld.global.u16 	%rs4, [%rd34];
	{  cvt.f32.f16 %f36, %rs4;}
	or.b64  	%rd35, %rd41, %rd18;
	and.b64  	%rd36, %rd35, -4294967296;
	setp.eq.s64 	%p8, %rd36, 0;
	@%p8 bra 	$L__BB4_12;
	rem.s64 	%rd44, %rd41, %rd18;
	bra.uni 	$L__BB4_13;
$L__BB4_12:
	cvt.u32.u64 	%r12, %rd41;
	rem.u32 	%r13, %r12, %r11;
	cvt.u64.u32 	%rd44, %r13;
$L__BB4_13:
	shl.b64 	%rd37, %rd44, 1;
	add.s64 	%rd38, %rd2, %rd37;
	ld.global.u16 	%rs5, [%rd38];
	{  cvt.f32.f16 %f37, %rs5;}
	add.f32 	%f6, %f36, %f37;
	abs.f32 	%f39, %f6;
	setp.eq.f32 	%p9, %f39, 0f7F800000;
	setp.lt.f32 	%p10, %f6, 0f00000000;
	mov.f32 	%f110, 0f00000000;
	and.pred  	%p11, %p10, %p9;
	@%p11 bra 	$L__BB4_15;
	mul.f32 	%f40, %f6, 0f3F000000;
	mul.f32 	%f41, %f6, 0fBF3504F3;
	abs.f32 	%f42, %f41;
	add.f32 	%f43, %f42, 0fC0800000;
	mov.f32 	%f44, 0fC0800000;
	add.f32 	%f45, %f42, 0f40800000;
	rcp.approx.ftz.f32 	%f46, %f45;
	mul.rn.f32 	%f47, %f43, %f46;
	add.f32 	%f48, %f47, 0f3F800000;
	mov.f32 	%f49, 0f3F800000;
	fma.rn.f32 	%f50, %f44, %f48, %f42;
	neg.f32 	%f51, %f47;
	fma.rn.f32 	%f52, %f51, %f42, %f50;
	fma.rn.f32 	%f53, %f46, %f52, %f47;
	mov.f32 	%f54, 0f3BE6E05B;
	mov.f32 	%f55, 0f3A69A091;
	fma.rn.f32 	%f56, %f55, %f53, %f54;
	mov.f32 	%f57, 0fBC81FB4B;
	fma.rn.f32 	%f58, %f56, %f53, %f57;
	mov.f32 	%f59, 0f3D15373B;
	fma.rn.f32 	%f60, %f58, %f53, %f59;
	mov.f32 	%f61, 0fBD887C5A;
	fma.rn.f32 	%f62, %f60, %f53, %f61;
	mov.f32 	%f63, 0f3DC021D5;
	fma.rn.f32 	%f64, %f62, %f53, %f63;
	mov.f32 	%f65, 0fBDCED424;
	fma.rn.f32 	%f66, %f64, %f53, %f65;
	mov.f32 	%f67, 0f3D8B74DE;
	fma.rn.f32 	%f68, %f66, %f53, %f67;
	mov.f32 	%f69, 0f3C7BF170;
	fma.rn.f32 	%f70, %f68, %f53, %f69;
	mov.f32 	%f71, 0fBE0EF8D4;
	fma.rn.f32 	%f72, %f70, %f53, %f71;
	mov.f32 	%f73, 0f3F9DD2C9;
	fma.rn.f32 	%f74, %f72, %f53, %f73;
	mov.f32 	%f75, 0f40000000;
	fma.rn.f32 	%f76, %f75, %f42, %f49;
	rcp.approx.ftz.f32 	%f77, %f76;
	mul.rn.f32 	%f78, %f74, %f77;
	mul.f32 	%f79, %f78, 0fC0000000;
	fma.rn.f32 	%f80, %f42, %f79, %f74;
	sub.f32 	%f81, %f80, %f78;
	fma.rn.f32 	%f82, %f81, %f77, %f78;
	mul.f32 	%f83, %f42, %f42;
	neg.f32 	%f84, %f83;
	mov.f32 	%f85, 0f3FB8AA3B;
	mul.rn.f32 	%f86, %f84, %f85;
	cvt.rzi.f32.f32 	%f87, %f86;
	abs.f32 	%f88, %f87;
	setp.gt.f32 	%p12, %f88, 0f42FC0000;
	mov.f32 	%f89, 0f42FC0000;
	copysign.f32 	%f90, %f87, %f89;
	selp.f32 	%f91, %f90, %f87, %p12;
	mov.f32 	%f92, 0fBF317218;
	fma.rn.f32 	%f93, %f91, %f92, %f84;
	mov.f32 	%f94, 0f3102E308;
	fma.rn.f32 	%f95, %f91, %f94, %f93;
	mul.f32 	%f96, %f95, 0f3FB8AA3B;
	add.f32 	%f97, %f91, 0f4B40007F;
	mov.b32 	%r14, %f97;
	shl.b32 	%r15, %r14, 23;
	mov.b32 	%f98, %r15;
	ex2.approx.ftz.f32 	%f99, %f96;
	mul.f32 	%f100, %f99, %f98;
	neg.f32 	%f101, %f42;
	fma.rn.f32 	%f102, %f101, %f42, %f83;
	fma.rn.f32 	%f103, %f100, %f102, %f100;
	mul.f32 	%f104, %f82, %f103;
	setp.gt.f32 	%p13, %f42, 0f4120E148;
	selp.f32 	%f105, 0f00000000, %f104, %p13;
	setp.lt.f32 	%p14, %f41, 0f00000000;
	sub.f32 	%f106, %f75, %f105;
	selp.f32 	%f107, %f106, %f105, %p14;
	mul.f32 	%f110, %f40, %f107;
$L__BB4_15:
	add.f32 	%f108, %f110, %f9;
	{  cvt.rn.f16.f32 %rs6, %f108;}
	add.s64 	%rd40, %rd1, %rd33;
	st.global.u16 	[%rd40], %rs6;
	add.s64 	%rd41, %rd41, %rd6;
	setp.lt.s64 	%p15, %rd41, %rd17;
	@%p15 bra 	$L__BB4_10;
$L__BB4_16:
	ret;
}
.visible .entry rms_norm_fp16(
	.param .u64 rms_norm_fp16_param_0,
	.param .u64 rms_norm_fp16_param_1,
	.param .u64 rms_norm_fp16_param_2,
	.param .u64 rms_norm_fp16_param_3,
	.param .u64 rms_norm_fp16_param_4,
	.param .f32 rms_norm_fp16_param_5,
	.param .f32 rms_norm_fp16_param_6
)
{
	.reg .pred 	%p<19>;
	.reg .b16 	%rs<5>;
	.reg .f32 	%f<56>;
	.reg .b32 	%r<48>;
	.reg .b64 	%rd<32>;
	.shared .align 4 .b8 _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd18rms_normI6__halfEEvPKT_S5_PS3_xxffE7partial[128];
	ld.param.u64 	%rd19, [rms_norm_fp16_param_0];
	ld.param.u64 	%rd15, [rms_norm_fp16_param_1];
	ld.param.u64 	%rd16, [rms_norm_fp16_param_2];
	ld.param.u64 	%rd17, [rms_norm_fp16_param_3];
	ld.param.u64 	%rd18, [rms_norm_fp16_param_4];
	ld.param.f32 	%f15, [rms_norm_fp16_param_5];
	ld.param.f32 	%f16, [rms_norm_fp16_param_6];
	cvta.to.global.u64 	%rd1, %rd19;
	mov.u32 	%r15, %ctaid.x;
	cvt.u64.u32 	%rd29, %r15;
	setp.ge.s64 	%p1, %rd29, %rd17;
	@%p1 bra 	$L__BB5_19;
	mov.u32 	%r16, %tid.x;
	cvt.u64.u32 	%rd3, %r16;
	mov.u32 	%r17, %ntid.x;
	cvt.u64.u32 	%rd4, %r17;
	and.b32  	%r1, %r16, 31;
	shr.u32 	%r18, %r16, 3;
	and.b32  	%r19, %r18, 536870908;
	mov.u32 	%r20, _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd18rms_normI6__halfEEvPKT_S5_PS3_xxffE7partial;
	add.s32 	%r2, %r20, %r19;
	shr.u32 	%r3, %r17, 5;
	cvt.rn.f32.s64 	%f1, %rd18;
	mov.u32 	%r21, %nctaid.x;
	cvt.u64.u32 	%rd5, %r21;
	add.s32 	%r4, %r3, -1;
	and.b32  	%r5, %r3, 3;
	sub.s32 	%r6, %r3, %r5;
	cvta.to.global.u64 	%rd6, %rd15;
	cvta.to.global.u64 	%rd7, %rd16;
$L__BB5_2:
	mul.lo.s64 	%rd9, %rd29, %rd18;
	setp.ge.s64 	%p2, %rd3, %rd18;
	mov.f32 	%f51, 0f00000000;
	@%p2 bra 	$L__BB5_5;
	mov.f32 	%f51, 0f00000000;
	mov.u64 	%rd30, %rd3;
$L__BB5_4:
	add.s64 	%rd20, %rd30, %rd9;
	shl.b64 	%rd21, %rd20, 1;
	add.s64 	%rd22, %rd1, %rd21;
	ld.global.u16 	%rs1, [%rd22];
	{  cvt.f32.f16 %f19, %rs1;}
	fma.rn.f32 	%f51, %f19, %f19, %f51;
	add.s64 	%rd30, %rd30, %rd4;
	setp.lt.s64 	%p3, %rd30, %rd18;
	@%p3 bra 	$L__BB5_4;
$L__BB5_5:
	mov.b32 	%r22, %f51;
	mov.u32 	%r23, 31;
	mov.u32 	%r24, 16;
	mov.u32 	%r25, -1;
	shfl.sync.bfly.b32 	%r26|%p4, %r22, %r24, %r23, %r25;
	mov.b32 	%f20, %r26;
	add.f32 	%f21, %f51, %f20;
	mov.b32 	%r27, %f21;
	mov.u32 	%r28, 8;
	shfl.sync.bfly.b32 	%r29|%p5, %r27, %r28, %r23, %r25;
	mov.b32 	%f22, %r29;
	add.f32 	%f23, %f21, %f22;
	mov.b32 	%r30, %f23;
	mov.u32 	%r31, 4;
	shfl.sync.bfly.b32 	%r32|%p6, %r30, %r31, %r23, %r25;
	mov.b32 	%f24, %r32;
	add.f32 	%f25, %f23, %f24;
	mov.b32 	%r33, %f25;
	mov.u32 	%r34, 2;
	shfl.sync.bfly.b32 	%r35|%p7, %r33, %r34, %r23, %r25;
	mov.b32 	%f26, %r35;
	add.f32 	%f27, %f25, %f26;
	mov.b32 	%r36, %f27;
	mov.u32 	%r37, 1;
	shfl.sync.bfly.b32 	%r38|%p8, %r36, %r37, %r23, %r25;
	mov.b32 	%f28, %r38;
	add.f32 	%f5, %f27, %f28;
	setp.ne.s32 	%p9, %r1, 0;
	@%p9 bra 	$L__BB5_7;
	st.shared.f32 	[%r2], %f5;
$L__BB5_7:
	setp.eq.s32 	%p10, %r3, 0;
	bar.sync 	0;
	mov.f32 	%f55, 0f00000000;
	@%p10 bra 	$L__BB5_15;
	setp.lt.u32 	%p11, %r4, 3;
	mov.f32 	%f55, 0f00000000;
	mov.u32 	%r47, 0;
	@%p11 bra 	$L__BB5_11;
	mov.f32 	%f55, 0f00000000;
	mov.u32 	%r47, 0;
	mov.u32 	%r44, %r20;
	mov.u32 	%r46, %r6;
$L__BB5_10:
	ld.shared.f32 	%f33, [%r44];
	add.f32 	%f34, %f55, %f33;
	ld.shared.f32 	%f35, [%r44+4];
	add.f32 	%f36, %f34, %f35;
	ld.shared.f32 	%f37, [%r44+8];
	add.f32 	%f38, %f36, %f37;
	ld.shared.f32 	%f39, [%r44+12];
	add.f32 	%f55, %f38, %f39;
	add.s32 	%r47, %r47, 4;
	add.s32 	%r44, %r44, 16;
	add.s32 	%r46, %r46, -4;
	setp.ne.s32 	%p12, %r46, 0;
	@%p12 bra 	$L__BB5_10;
$L__BB5_11:
	setp.eq.s32 	%p13, %r5, 0;
	@%p13 bra 	$L__BB5_15;
	setp.eq.s32 	%p14, %r5, 1;
	shl.b32 	%r42, %r47, 2;
	add.s32 	%r14, %r20, %r42;
	ld.shared.f32 	%f40, [%r14];
	add.f32 	%f55, %f55, %f40;
	@%p14 bra 	$L__BB5_15;
	setp.eq.s32 	%p15, %r5, 2;
	ld.shared.f32 	%f41, [%r14+4];
	add.f32 	%f55, %f55, %f41;
	@%p15 bra 	$L__BB5_15;
	ld.shared.f32 	%f42, [%r14+8];
	add.f32 	%f55, %f55, %f42;
$L__BB5_15:
	bar.sync 	0;
	@%p2 bra 	$L__BB5_18;
	div.rn.f32 	%f43, %f55, %f1;
	add.f32 	%f44, %f43, %f15;
	sqrt.rn.f32 	%f45, %f44;
	rcp.rn.f32 	%f14, %f45;
	mov.u64 	%rd31, %rd3;
$L__BB5_17:
	add.s64 	%rd23, %rd31, %rd9;
	shl.b64 	%rd24, %rd23, 1;
	add.s64 	%rd25, %rd1, %rd24;
	ld.global.u16 	%rs2, [%rd25];
	{  cvt.f32.f16 %f46, %rs2;}
	mul.f32 	%f49, %f14, %f46;
	shl.b64 	%rd26, %rd31, 1;
	add.s64 	%rd27, %rd6, %rd26;
	ld.global.u16 	%rs3, [%rd27];
	{  cvt.f32.f16 %f47, %rs3;}
	fma.rn.f32 	%f48, %f49, %f47, %f16;
	{  cvt.rn.f16.f32 %rs4, %f48;}
	add.s64 	%rd28, %rd7, %rd24;
	st.global.u16 	[%rd28], %rs4;
	add.s64 	%rd31, %rd31, %rd4;
	setp.lt.s64 	%p17, %rd31, %rd18;
	@%p17 bra 	$L__BB5_17;
$L__BB5_18:
	add.s64 	%rd29, %rd29, %rd5;
	setp.lt.s64 	%p18, %rd29, %rd17;
	@%p18 bra 	$L__BB5_2;
$L__BB5_19:
	ret;
}
.visible .entry modulo_fp16(
	.param .u64 modulo_fp16_param_0,
	.param .u64 modulo_fp16_param_1,
	.param .u64 modulo_fp16_param_2,
	.param .u64 modulo_fp16_param_3,
	.param .u64 modulo_fp16_param_4,
	.param .f32 modulo_fp16_param_5
)
{
	.reg .pred 	%p<43>;
	.reg .b16 	%rs<7>;
	.reg .f32 	%f<112>;
	.reg .b32 	%r<47>;
	.reg .b64 	%rd<30>;
	ld.param.u64 	%rd13, [modulo_fp16_param_0];
	ld.param.u64 	%rd14, [modulo_fp16_param_1];
	ld.param.u64 	%rd15, [modulo_fp16_param_2];
	ld.param.u64 	%rd11, [modulo_fp16_param_3];
	ld.param.u64 	%rd12, [modulo_fp16_param_4];
	ld.param.f32 	%f49, [modulo_fp16_param_5];
	cvta.to.global.u64 	%rd1, %rd15;
	cvta.to.global.u64 	%rd2, %rd13;
	cvta.to.global.u64 	%rd3, %rd14;
	mov.u32 	%r19, %ctaid.x;
	mov.u32 	%r20, %ntid.x;
	cvt.u64.u32 	%rd4, %r20;
	mul.wide.u32 	%rd16, %r19, %r20;
	mov.u32 	%r21, %tid.x;
	cvt.u64.u32 	%rd17, %r21;
	add.s64 	%rd28, %rd16, %rd17;
	setp.ge.s64 	%p1, %rd28, %rd11;
	@%p1 bra 	$L__BB6_34;
	setp.eq.s64 	%p2, %rd12, 1;
	mov.u32 	%r22, %nctaid.x;
	cvt.u64.u32 	%rd18, %r22;
	mul.lo.s64 	%rd6, %rd18, %rd4;
	@%p2 bra 	$L__BB6_18;
	bra.uni 	$L__BB6_2;
$L__BB6_18:
	ld.global.u16 	%rs4, [%rd3];
	{  cvt.f32.f16 %f77, %rs4;}
	shl.b64 	%rd24, %rd28, 1;
	add.s64 	%rd25, %rd2, %rd24;
	ld.global.u16 	%rs5, [%rd25];
	{  cvt.f32.f16 %f78, %rs5;}
	abs.f32 	%f27, %f77;
	abs.f32 	%f110, %f78;
	setp.lt.f32 	%p23, %f110, %f27;
	@%p23 bra 	$L__BB6_30;
	mul.f32 	%f29, %f27, 0f4B000000;
	setp.gtu.f32 	%p24, %f110, %f29;
	@%p24 bra 	$L__BB6_26;
	bra.uni 	$L__BB6_20;
$L__BB6_26:
	mov.b32 	%r11, %f110;
	mov.b32 	%r12, %f29;
	and.b32  	%r34, %r11, 8388607;
	or.b32  	%r45, %r34, 1065353216;
	mov.b32 	%f109, %r45;
	add.s32 	%r35, %r12, -192937984;
	and.b32  	%r36, %r35, -8388608;
	sub.s32 	%r37, %r11, %r36;
	and.b32  	%r46, %r37, -8388608;
	setp.eq.s32 	%p30, %r46, 0;
	@%p30 bra 	$L__BB6_29;
	and.b32  	%r38, %r12, 8388607;
	or.b32  	%r39, %r38, 1065353216;
	mov.b32 	%f87, %r39;
	rcp.approx.ftz.f32 	%f39, %f87;
	neg.f32 	%f40, %f87;
$L__BB6_28:
	min.u32 	%r40, %r46, 192937984;
	add.s32 	%r41, %r40, %r45;
	mov.b32 	%f88, %r41;
	mov.f32 	%f89, 0f80000000;
	fma.rn.f32 	%f90, %f88, %f39, %f89;
	fma.rn.f32 	%f91, %f40, %f90, %f88;
	fma.rn.f32 	%f92, %f91, %f39, %f90;
	fma.rn.f32 	%f93, %f40, %f92, %f88;
	fma.rz.f32 	%f94, %f93, %f39, %f92;
	cvt.rzi.f32.f32 	%f95, %f94;
	fma.rn.f32 	%f109, %f40, %f95, %f88;
	sub.s32 	%r46, %r46, %r40;
	mov.b32 	%r45, %f109;
	setp.ne.s32 	%p31, %r46, 0;
	setp.ne.s32 	%p32, %r45, 0;
	and.pred  	%p33, %p31, %p32;
	@%p33 bra 	$L__BB6_28;
$L__BB6_29:
	setp.gt.u32 	%p34, %r11, 2139095039;
	setp.leu.f32 	%p35, %f27, 0f00000000;
	or.pred  	%p36, %p35, %p34;
	and.b32  	%r42, %r12, -8388608;
	mov.b32 	%f96, %r42;
	selp.f32 	%f97, 0f7FFFFFFF, %f96, %p36;
	mul.f32 	%f98, %f109, 0f34000000;
	mul.f32 	%f110, %f97, %f98;
	bra.uni 	$L__BB6_30;
$L__BB6_20:
	div.approx.f32 	%f79, %f110, %f27;
	cvt.rzi.f32.f32 	%f108, %f79;
	neg.f32 	%f31, %f27;
	fma.rn.f32 	%f32, %f31, %f108, %f110;
	mov.b32 	%r10, %f32;
	mov.b32 	%r33, %f27;
	setp.lt.u32 	%p25, %r10, %r33;
	@%p25 bra 	$L__BB6_25;
	setp.gt.u32 	%p26, %r10, -2147483648;
	@%p26 bra 	$L__BB6_24;
	bra.uni 	$L__BB6_22;
$L__BB6_24:
	add.f32 	%f85, %f108, 0fBF800000;
	add.f32 	%f86, %f85, 0fBF800000;
	setp.lt.f32 	%p29, %f32, %f31;
	selp.f32 	%f108, %f86, %f85, %p29;
	bra.uni 	$L__BB6_25;
$L__BB6_22:
	add.f32 	%f108, %f108, 0f3F800000;
	add.f32 	%f80, %f27, %f27;
	setp.ltu.f32 	%p27, %f32, %f80;
	@%p27 bra 	$L__BB6_25;
	add.f32 	%f81, %f108, 0f3F800000;
	mov.f32 	%f82, 0fC0400000;
	fma.rn.f32 	%f83, %f82, %f27, %f32;
	setp.ge.f32 	%p28, %f83, 0f00000000;
	add.f32 	%f84, %f81, 0f3F800000;
	selp.f32 	%f108, %f84, %f81, %p28;
$L__BB6_25:
	fma.rn.f32 	%f110, %f31, %f108, %f110;
$L__BB6_30:
	abs.f32 	%f99, %f110;
	setp.gtu.f32 	%p37, %f99, 0f7F800000;
	copysign.f32 	%f100, %f78, %f110;
	selp.f32 	%f45, %f110, %f100, %p37;
	setp.eq.f32 	%p38, %f45, 0f00000000;
	@%p38 bra 	$L__BB6_32;
	bra.uni 	$L__BB6_31;
$L__BB6_32:
	mov.f32 	%f102, 0f00000000;
	copysign.f32 	%f111, %f77, %f102;
	bra.uni 	$L__BB6_33;
$L__BB6_31:
	setp.lt.f32 	%p39, %f45, 0f00000000;
	setp.lt.f32 	%p40, %f77, 0f00000000;
	xor.pred  	%p41, %p40, %p39;
	add.f32 	%f101, %f77, %f45;
	selp.f32 	%f111, %f101, %f45, %p41;
$L__BB6_33:
	add.f32 	%f103, %f111, %f49;
	{  cvt.rn.f16.f32 %rs6, %f103;}
	add.s64 	%rd27, %rd1, %rd24;
	st.global.u16 	[%rd27], %rs6;
	add.s64 	%rd28, %rd28, %rd6;
	setp.lt.s64 	%p42, %rd28, %rd11;
	@%p42 bra 	$L__BB6_18;
	bra.uni 	$L__BB6_34;
$L__BB6_2:
	shl.b64 	%rd19, %rd28, 1;
	add.s64 	%rd20, %rd3, %rd19;
	ld.global.u16 	%rs1, [%rd20];
	{  cvt.f32.f16 %f50, %rs1;}
	add.s64 	%rd21, %rd2, %rd19;
	ld.global.u16 	%rs2, [%rd21];
	{  cvt.f32.f16 %f51, %rs2;}
	abs.f32 	%f3, %f50;
	abs.f32 	%f106, %f51;
	setp.lt.f32 	%p3, %f106, %f3;
	@%p3 bra 	$L__BB6_14;
	mul.f32 	%f5, %f3, 0f4B000000;
	setp.gtu.f32 	%p4, %f106, %f5;
	@%p4 bra 	$L__BB6_10;
	bra.uni 	$L__BB6_4;
$L__BB6_10:
	mov.b32 	%r2, %f106;
	mov.b32 	%r3, %f5;
	and.b32  	%r24, %r2, 8388607;
	or.b32  	%r43, %r24, 1065353216;
	mov.b32 	%f105, %r43;
	add.s32 	%r25, %r3, -192937984;
	and.b32  	%r26, %r25, -8388608;
	sub.s32 	%r27, %r2, %r26;
	and.b32  	%r44, %r27, -8388608;
	setp.eq.s32 	%p10, %r44, 0;
	@%p10 bra 	$L__BB6_13;
	and.b32  	%r28, %r3, 8388607;
	or.b32  	%r29, %r28, 1065353216;
	mov.b32 	%f60, %r29;
	rcp.approx.ftz.f32 	%f15, %f60;
	neg.f32 	%f16, %f60;
$L__BB6_12:
	min.u32 	%r30, %r44, 192937984;
	add.s32 	%r31, %r30, %r43;
	mov.b32 	%f61, %r31;
	mov.f32 	%f62, 0f80000000;
	fma.rn.f32 	%f63, %f61, %f15, %f62;
	fma.rn.f32 	%f64, %f16, %f63, %f61;
	fma.rn.f32 	%f65, %f64, %f15, %f63;
	fma.rn.f32 	%f66, %f16, %f65, %f61;
	fma.rz.f32 	%f67, %f66, %f15, %f65;
	cvt.rzi.f32.f32 	%f68, %f67;
	fma.rn.f32 	%f105, %f16, %f68, %f61;
	sub.s32 	%r44, %r44, %r30;
	mov.b32 	%r43, %f105;
	setp.ne.s32 	%p11, %r44, 0;
	setp.ne.s32 	%p12, %r43, 0;
	and.pred  	%p13, %p11, %p12;
	@%p13 bra 	$L__BB6_12;
$L__BB6_13:
	setp.gt.u32 	%p14, %r2, 2139095039;
	setp.leu.f32 	%p15, %f3, 0f00000000;
	or.pred  	%p16, %p15, %p14;
	and.b32  	%r32, %r3, -8388608;
	mov.b32 	%f69, %r32;
	selp.f32 	%f70, 0f7FFFFFFF, %f69, %p16;
	mul.f32 	%f71, %f105, 0f34000000;
	mul.f32 	%f106, %f70, %f71;
	bra.uni 	$L__BB6_14;
$L__BB6_4:
	div.approx.f32 	%f52, %f106, %f3;
	cvt.rzi.f32.f32 	%f104, %f52;
	neg.f32 	%f7, %f3;
	fma.rn.f32 	%f8, %f7, %f104, %f106;
	mov.b32 	%r1, %f8;
	mov.b32 	%r23, %f3;
	setp.lt.u32 	%p5, %r1, %r23;
	@%p5 bra 	$L__BB6_9;
	setp.gt.u32 	%p6, %r1, -2147483648;
	@%p6 bra 	$L__BB6_8;
	bra.uni 	$L__BB6_6;
$L__BB6_8:
	add.f32 	%f58, %f104, 0fBF800000;
	add.f32 	%f59, %f58, 0fBF800000;
	setp.lt.f32 	%p9, %f8, %f7;
	selp.f32 	%f104, %f59, %f58, %p9;
	bra.uni 	$L__BB6_9;
$L__BB6_6:
	add.f32 	%f104, %f104, 0f3F800000;
	add.f32 	%f53, %f3, %f3;
	setp.ltu.f32 	%p7, %f8, %f53;
	@%p7 bra 	$L__BB6_9;
	add.f32 	%f54, %f104, 0f3F800000;
	mov.f32 	%f55, 0fC0400000;
	fma.rn.f32 	%f56, %f55, %f3, %f8;
	setp.ge.f32 	%p8, %f56, 0f00000000;
	add.f32 	%f57, %f54, 0f3F800000;
	selp.f32 	%f104, %f57, %f54, %p8;
$L__BB6_9:
	fma.rn.f32 	%f106, %f7, %f104, %f106;
$L__BB6_14:
	abs.f32 	%f72, %f106;
	setp.gtu.f32 	%p17, %f72, 0f7F800000;
	copysign.f32 	%f73, %f51, %f106;
	selp.f32 	%f21, %f106, %f73, %p17;
	setp.eq.f32 	%p18, %f21, 0f00000000;
	@%p18 bra 	$L__BB6_16;
	bra.uni 	$L__BB6_15;
$L__BB6_16:
	mov.f32 	%f75, 0f00000000;
	copysign.f32 	%f107, %f50, %f75;
	bra.uni 	$L__BB6_17;
$L__BB6_15:
	setp.lt.f32 	%p19, %f21, 0f00000000;
	setp.lt.f32 	%p20, %f50, 0f00000000;
	xor.pred  	%p21, %p20, %p19;
	add.f32 	%f74, %f50, %f21;
	selp.f32 	%f107, %f74, %f21, %p21;
$L__BB6_17:
	add.f32 	%f76, %f107, %f49;
	{  cvt.rn.f16.f32 %rs3, %f76;}
	add.s64 	%rd23, %rd1, %rd19;
	st.global.u16 	[%rd23], %rs3;
	add.s64 	%rd28, %rd28, %rd6;
	setp.lt.s64 	%p22, %rd28, %rd11;
	@%p22 bra 	$L__BB6_2;
$L__BB6_34:
	ret;
}
.visible .entry select_above_fp16(
	.param .u64 select_above_fp16_param_0,
	.param .u64 select_above_fp16_param_1,
	.param .u64 select_above_fp16_param_2,
	.param .u64 select_above_fp16_param_3,
	.param .u64 select_above_fp16_param_4,
	.param .f32 select_above_fp16_param_5
)
{
	.reg .pred 	%p<27>;
	.reg .b16 	%rs<5>;
	.reg .f32 	%f<7>;
	.reg .b32 	%r<89>;
	.reg .b64 	%rd<29>;
	.shared .align 8 .u64 _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveI6__halfEEvPKT_S5_PS3_PxxfE7written;
	.shared .align 4 .b8 _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveI6__halfEEvPKT_S5_PS3_PxxfE5ranks[128];
	ld.param.u64 	%rd8, [select_above_fp16_param_0];
	ld.param.u64 	%rd12, [select_above_fp16_param_1];
	ld.param.u64 	%rd9, [select_above_fp16_param_2];
	ld.param.u64 	%rd10, [select_above_fp16_param_3];
	ld.param.u64 	%rd11, [select_above_fp16_param_4];
	ld.param.f32 	%f2, [select_above_fp16_param_5];
	cvta.to.global.u64 	%rd13, %rd12;
	ld.global.u16 	%rs1, [%rd13];
	{  cvt.f32.f16 %f3, %rs1;}
	mov.u32 	%r1, %tid.x;
	setp.ne.s32 	%p3, %r1, 0;
	@%p3 bra 	$L__BB7_2;
	mov.u64 	%rd14, 0;
	st.shared.u64 	[_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveI6__halfEEvPKT_S5_PS3_PxxfE7written], %rd14;
$L__BB7_2:
	bar.sync 	0;
	and.b32  	%r2, %r1, 31;
	shr.u32 	%r3, %r1, 5;
	setp.lt.s64 	%p4, %rd11, 1;
	@%p4 bra 	$L__BB7_21;
	cvt.u64.u32 	%rd1, %r1;
	shl.b32 	%r34, %r3, 2;
	mov.u32 	%r35, _ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveI6__halfEEvPKT_S5_PS3_PxxfE5ranks;
	add.s32 	%r4, %r35, %r34;
	mov.u32 	%r36, -1;
	shl.b32 	%r37, %r36, %r2;
	not.b32 	%r5, %r37;
	mov.u32 	%r38, %ntid.x;
	shr.u32 	%r6, %r38, 5;
	cvt.u64.u32 	%rd2, %r38;
	add.s32 	%r7, %r6, -1;
	and.b32  	%r8, %r6, 3;
	sub.s32 	%r9, %r6, %r8;
	cvta.to.global.u64 	%rd3, %rd9;
	cvta.to.global.u64 	%rd4, %rd8;
	mov.u64 	%rd28, 0;
$L__BB7_4:
	add.s64 	%rd16, %rd28, %rd1;
	setp.ge.s64 	%p6, %rd16, %rd11;
	shl.b64 	%rd17, %rd16, 1;
	add.s64 	%rd6, %rd4, %rd17;
	mov.pred 	%p26, 0;
	@%p6 bra 	$L__BB7_6;
	ld.global.u16 	%rs2, [%rd6];
	{  cvt.f32.f16 %f4, %rs2;}
	setp.gt.f32 	%p26, %f4, %f3;
$L__BB7_6:
	mov.u32 	%r39, -1;
	vote.sync.ballot.b32 	%r10, %p26, %r39;
	setp.ne.s32 	%p8, %r2, 0;
	@%p8 bra 	$L__BB7_8;
	popc.b32 	%r40, %r10;
	st.shared.u32 	[%r4], %r40;
$L__BB7_8:
	setp.eq.s32 	%p9, %r6, 0;
	mov.u32 	%r88, 0;
	bar.sync 	0;
	and.b32  	%r42, %r10, %r5;
	popc.b32 	%r87, %r42;
	@%p9 bra 	$L__BB7_16;
	setp.lt.u32 	%p10, %r7, 3;
	mov.u32 	%r84, 0;
	mov.u32 	%r88, %r84;
	@%p10 bra 	$L__BB7_12;
	mov.u32 	%r84, 0;
	mov.u32 	%r81, %r9;
$L__BB7_11:
	shl.b32 	%r48, %r84, 2;
	add.s32 	%r50, %r35, %r48;
	ld.shared.u32 	%r51, [%r50];
	setp.lt.u32 	%p11, %r84, %r3;
	selp.b32 	%r52, %r51, 0, %p11;
	add.s32 	%r53, %r52, %r87;
	add.s32 	%r54, %r51, %r88;
	add.s32 	%r55, %r84, 1;
	setp.lt.u32 	%p12, %r55, %r3;
	ld.shared.u32 	%r56, [%r50+4];
	selp.b32 	%r57, %r56, 0, %p12;
	add.s32 	%r58, %r57, %r53;
	add.s32 	%r59, %r56, %r54;
	add.s32 	%r60, %r84, 2;
	setp.lt.u32 	%p13, %r60, %r3;
	ld.shared.u32 	%r61, [%r50+8];
	selp.b32 	%r62, %r61, 0, %p13;
	add.s32 	%r63, %r62, %r58;
	add.s32 	%r64, %r61, %r59;
	add.s32 	%r65, %r84, 3;
	setp.lt.u32 	%p14, %r65, %r3;
	ld.shared.u32 	%r66, [%r50+12];
	selp.b32 	%r67, %r66, 0, %p14;
	add.s32 	%r87, %r67, %r63;
	add.s32 	%r88, %r66, %r64;
	add.s32 	%r84, %r84, 4;
	add.s32 	%r81, %r81, -4;
	setp.ne.s32 	%p15, %r81, 0;
	@%p15 bra 	$L__BB7_11;
$L__BB7_12:
	setp.eq.s32 	%p16, %r8, 0;
	@%p16 bra 	$L__BB7_16;
	setp.eq.s32 	%p17, %r8, 1;
	shl.b32 	%r68, %r84, 2;
	add.s32 	%r25, %r35, %r68;
	ld.shared.u32 	%r70, [%r25];
	setp.lt.u32 	%p18, %r84, %r3;
	selp.b32 	%r71, %r70, 0, %p18;
	add.s32 	%r87, %r71, %r87;
	add.s32 	%r88, %r70, %r88;
	@%p17 bra 	$L__BB7_16;
	setp.eq.s32 	%p19, %r8, 2;
	ld.shared.u32 	%r72, [%r25+4];
	add.s32 	%r73, %r84, 1;
	setp.lt.u32 	%p20, %r73, %r3;
	selp.b32 	%r74, %r72, 0, %p20;
	add.s32 	%r87, %r74, %r87;
	add.s32 	%r88, %r72, %r88;
	@%p19 bra 	$L__BB7_16;
	add.s32 	%r75, %r84, 2;
	setp.lt.u32 	%p21, %r75, %r3;
	ld.shared.u32 	%r76, [%r25+8];
	selp.b32 	%r77, %r76, 0, %p21;
	add.s32 	%r87, %r77, %r87;
	add.s32 	%r88, %r76, %r88;
$L__BB7_16:
	not.pred 	%p22, %p26;
	@%p22 bra 	$L__BB7_18;
	ld.shared.u64 	%rd18, [_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveI6__halfEEvPKT_S5_PS3_PxxfE7written];
	cvt.s64.s32 	%rd19, %r87;
	add.s64 	%rd20, %rd18, %rd19;
	ld.global.u16 	%rs3, [%rd6];
	{  cvt.f32.f16 %f5, %rs3;}
	add.f32 	%f6, %f5, %f2;
	{  cvt.rn.f16.f32 %rs4, %f6;}
	shl.b64 	%rd21, %rd20, 1;
	add.s64 	%rd22, %rd3, %rd21;
	st.global.u16 	[%rd22], %rs4;
$L__BB7_18:
	bar.sync 	0;
	@%p3 bra 	$L__BB7_20;
	cvt.s64.s32 	%rd23, %r88;
	ld.shared.u64 	%rd24, [_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveI6__halfEEvPKT_S5_PS3_PxxfE7written];
	add.s64 	%rd25, %rd24, %rd23;
	st.shared.u64 	[_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveI6__halfEEvPKT_S5_PS3_PxxfE7written], %rd25;
$L__BB7_20:
	bar.sync 	0;
	add.s64 	%rd28, %rd28, %rd2;
	setp.lt.s64 	%p24, %rd28, %rd11;
	@%p24 bra 	$L__BB7_4;
$L__BB7_21:
	@%p3 bra 	$L__BB7_23;
	ld.shared.u64 	%rd26, [_ZZN41_INTERNAL_45670df7_10_kernels_cu_d2f57fd143_GLOBAL__N__45670df7_10_kernels_cu_d2f57fd112select_aboveI6__halfEEvPKT_S5_PS3_PxxfE7written];
	cvta.to.global.u64 	%rd27, %rd10;
	st.global.u64 	[%rd27], %rd26;
$L__BB7_23:
	ret;
}
.visible .entry modulo_int32(
	.param .u64 modulo_int32_param_0,
	.param .u64 modulo_int32_param_1,
	.param .u64 modulo_int32_param_2,
	.param .u64 modulo_int32_param_3,
	.param .u64 modulo_int32_param_4,
	.param .f32 modulo_int32_param_5
)
{
	.reg .pred 	%p<52>;
	.reg .f32 	%f<2>;
	.reg .b32 	%r<119>;
	.reg .b64 	%rd<120>;
	ld.param.u64 	%rd70, [modulo_int32_param_0];
	ld.param.u64 	%rd71, [modulo_int32_param_1];
	ld.param.u64 	%rd72, [modulo_int32_param_2];
	ld.param.u64 	%rd68, [modulo_int32_param_3];
	ld.param.u64 	%rd69, [modulo_int32_param_4];
	ld.param.f32 	%f1, [modulo_int32_param_5];
	cvta.to.global.u64 	%rd1, %rd72;
	cvta.to.global.u64 	%rd2, %rd70;
	cvta.to.global.u64 	%rd3, %rd71;
	mov.u32 	%r32, %ctaid.x;
	mov.u32 	%r33, %ntid.x;
	cvt.u64.u32 	%rd4, %r33;
	mul.wide.u32 	%rd73, %r32, %r33;
	mov.u32 	%r34, %tid.x;
	cvt.u64.u32 	%rd74, %r34;
	add.s64 	%rd117, %rd73, %rd74;
	setp.ge.s64 	%p1, %rd117, %rd68;
	@%p1 bra 	$L__BB8_37;
	cvt.rzi.s32.f32 	%r1, %f1;
	mov.u32 	%r35, %nctaid.x;
	cvt.u64.u32 	%rd6, %r35;
	mul.lo.s64 	%rd7, %rd6, %rd4;
	not.b64 	%rd75, %rd117;
	add.s64 	%rd8, %rd75, %rd68;
	or.b64  	%rd76, %rd8, %rd7;
	and.b64  	%rd77, %rd76, -4294967296;
	setp.eq.s64 	%p2, %rd77, 0;
	@%p2 bra 	$L__BB8_3;
	div.u64 	%rd103, %rd8, %rd7;
	bra.uni 	$L__BB8_4;
$L__BB8_3:
	cvt.u32.u64 	%r36, %rd7;
	cvt.u32.u64 	%r37, %rd8;
	div.u32 	%r38, %r37, %r36;
	cvt.u64.u32 	%rd103, %r38;
$L__BB8_4:
	add.s64 	%rd78, %rd103, 1;
	and.b64  	%rd108, %rd78, 3;
	setp.eq.s64 	%p3, %rd69, 1;
	@%p3 bra 	$L__BB8_21;
	bra.uni 	$L__BB8_5;
$L__BB8_21:
	setp.eq.s64 	%p28, %rd108, 0;
	@%p28 bra 	$L__BB8_26;
	shl.b64 	%rd91, %rd117, 2;
	add.s64 	%rd114, %rd1, %rd91;
	shl.b64 	%rd46, %rd7, 2;
	add.s64 	%rd113, %rd2, %rd91;
$L__BB8_23:
	.pragma "nounroll";
	ld.global.u32 	%r17, [%rd3];
	add.s32 	%r75, %r17, 1;
	setp.lt.u32 	%p29, %r75, 2;
	mov.u32 	%r114, 0;
	@%p29 bra 	$L__BB8_25;
	ld.global.u32 	%r76, [%rd113];
	rem.s32 	%r77, %r76, %r17;
	setp.eq.s32 	%p30, %r77, 0;
	xor.b32  	%r78, %r77, %r17;
	setp.gt.s32 	%p31, %r78, -1;
	or.pred  	%p32, %p30, %p31;
	selp.b32 	%r79, 0, %r17, %p32;
	add.s32 	%r114, %r79, %r77;
$L__BB8_25:
	add.s32 	%r80, %r1, %r114;
	st.global.u32 	[%rd114], %r80;
	add.s64 	%rd117, %rd117, %rd7;
	add.s64 	%rd114, %rd114, %rd46;
	add.s64 	%rd113, %rd113, %rd46;
	add.s64 	%rd108, %rd108, -1;
	setp.ne.s64 	%p33, %rd108, 0;
	@%p33 bra 	$L__BB8_23;
$L__BB8_26:
	setp.lt.u64 	%p34, %rd103, 3;
	@%p34 bra 	$L__BB8_37;
	shl.b64 	%rd92, %rd117, 2;
	add.s64 	%rd119, %rd1, %rd92;
	shl.b64 	%rd58, %rd7, 2;
$L__BB8_28:
	shl.b64 	%rd94, %rd117, 2;
	add.s64 	%rd61, %rd2, %rd94;
	ld.global.u32 	%r20, [%rd3];
	add.s32 	%r82, %r20, 1;
	setp.lt.u32 	%p35, %r82, 2;
	mov.u32 	%r116, 0;
	mov.u32 	%r115, %r116;
	@%p35 bra 	$L__BB8_30;
	ld.global.u32 	%r83, [%rd61];
	rem.s32 	%r84, %r83, %r20;
	setp.eq.s32 	%p36, %r84, 0;
	xor.b32  	%r85, %r84, %r20;
	setp.gt.s32 	%p37, %r85, -1;
	or.pred  	%p38, %p36, %p37;
	selp.b32 	%r86, 0, %r20, %p38;
	add.s32 	%r115, %r86, %r84;
$L__BB8_30:
	add.s32 	%r88, %r1, %r115;
	st.global.u32 	[%rd119], %r88;
	add.s64 	%rd62, %rd61, %rd58;
	ld.global.u32 	%r23, [%rd3];
	add.s32 	%r89, %r23, 1;
	setp.lt.u32 	%p39, %r89, 2;
	@%p39 bra 	$L__BB8_32;
	ld.global.u32 	%r90, [%rd62];
	rem.s32 	%r91, %r90, %r23;
	setp.eq.s32 	%p40, %r91, 0;
	xor.b32  	%r92, %r91, %r23;
	setp.gt.s32 	%p41, %r92, -1;
	or.pred  	%p42, %p40, %p41;
	selp.b32 	%r93, 0, %r23, %p42;
	add.s32 	%r116, %r93, %r91;
$L__BB8_32:
	add.s64 	%rd63, %rd119, %rd58;
	add.s32 	%r95, %r1, %r116;
	st.global.u32 	[%rd63], %r95;
	add.s64 	%rd64, %rd62, %rd58;
	ld.global.u32 	%r26, [%rd3];
	add.s32 	%r96, %r26, 1;
	setp.lt.u32 	%p43, %r96, 2;
	mov.u32 	%r118, 0;
	mov.u32 	%r117, %r118;
	@%p43 bra 	$L__BB8_34;
	ld.global.u32 	%r97, [%rd64];
	rem.s32 	%r98, %r97, %r26;
	setp.eq.s32 	%p44, %r98, 0;
	xor.b32  	%r99, %r98, %r26;
	setp.gt.s32 	%p45, %r99, -1;
	or.pred  	%p46, %p44, %p45;
	selp.b32 	%r100, 0, %r26, %p46;
	add.s32 	%r117, %r100, %r98;
$L__BB8_34:
	add.s64 	%rd65, %rd63, %rd58;
	add.s32 	%r102, %r1, %r117;
	st.global.u32 	[%rd65], %r102;
	ld.global.u32 	%r29, [%rd3];
	add.s32 	%r103, %r29, 1;
	setp.lt.u32 	%p47, %r103, 2;
	@%p47 bra 	$L__BB8_36;
	add.s64 	%rd98, %rd64, %rd58;
	ld.global.u32 	%r104, [%rd98];
	rem.s32 	%r105, %r104, %r29;
	setp.eq.s32 	%p48, %r105, 0;
	xor.b32  	%r106, %r105, %r29;
	setp.gt.s32 	%p49, %r106, -1;
	or.pred  	%p50, %p48, %p49;
	selp.b32 	%r107, 0, %r29, %p50;
	add.s32 	%r118, %r107, %r105;
$L__BB8_36:
	add.s64 	%rd99, %rd65, %rd58;
	add.s64 	%rd119, %rd99, %rd58;
	add.s32 	%r108, %r1, %r118;
	st.global.u32 	[%rd99], %r108;
	add.s64 	%rd100, %rd117, %rd7;
	add.s64 	%rd101, %rd100, %rd7;
	add.s64 	%rd102, %rd101, %rd7;
	add.s64 	%rd117, %rd102, %rd7;
	setp.lt.s64 	%p51, %rd117, %rd68;
	@%p51 bra 	$L__BB8_28;
	bra.uni 	$L__BB8_37;
$L__BB8_5:
	setp.eq.s64 	%p4, %rd108, 0;
	@%p4 bra 	$L__BB8_10;
	shl.b64 	%rd79, %rd117, 2;
	add.s64 	%rd106, %rd1, %rd79;
	shl.b64 	%rd14, %rd7, 2;
	add.s64 	%rd105, %rd2, %rd79;
	add.s64 	%rd104, %rd3, %rd79;
$L__BB8_7:
	.pragma "nounroll";
	ld.global.u32 	%r2, [%rd104];
	add.s32 	%r40, %r2, 1;
	setp.lt.u32 	%p5, %r40, 2;
	mov.u32 	%r109, 0;
	@%p5 bra 	$L__BB8_9;
	ld.global.u32 	%r41, [%rd105];
	rem.s32 	%r42, %r41, %r2;
	setp.eq.s32 	%p6, %r42, 0;
	xor.b32  	%r43, %r42, %r2;
	setp.gt.s32 	%p7, %r43, -1;
	or.pred  	%p8, %p6, %p7;
	selp.b32 	%r44, 0, %r2, %p8;
	add.s32 	%r109, %r44, %r42;
$L__BB8_9:
	add.s32 	%r45, %r1, %r109;
	st.global.u32 	[%rd106], %r45;
	add.s64 	%rd117, %rd117, %rd7;
	add.s64 	%rd106, %rd106, %rd14;
	add.s64 	%rd105, %rd105, %rd14;
	add.s64 	%rd104, %rd104, %rd14;
	add.s64 	%rd108, %rd108, -1;
	setp.ne.s64 	%p9, %rd108, 0;
	@%p9 bra 	$L__BB8_7;
$L__BB8_10:
	setp.lt.u64 	%p10, %rd103, 3;
	@%p10 bra 	$L__BB8_37;
	shl.b64 	%rd80, %rd117, 2;
	add.s64 	%rd111, %rd3, %rd80;
	shl.b64 	%rd29, %rd7, 2;
	add.s64 	%rd112, %rd1, %rd80;
$L__BB8_12:
	shl.b64 	%rd82, %rd117, 2;
	add.s64 	%rd34, %rd2, %rd82;
	ld.global.u32 	%r5, [%rd111];
	add.s32 	%r47, %r5, 1;
	setp.lt.u32 	%p11, %r47, 2;
	mov.u32 	%r111, 0;
	mov.u32 	%r110, %r111;
	@%p11 bra 	$L__BB8_14;
	ld.global.u32 	%r48, [%rd34];
	rem.s32 	%r49, %r48, %r5;
	setp.eq.s32 	%p12, %r49, 0;
	xor.b32  	%r50, %r49, %r5;
	setp.gt.s32 	%p13, %r50, -1;
	or.pred  	%p14, %p12, %p13;
	selp.b32 	%r51, 0, %r5, %p14;
	add.s32 	%r110, %r51, %r49;
$L__BB8_14:
	add.s32 	%r53, %r1, %r110;
	st.global.u32 	[%rd112], %r53;
	add.s64 	%rd35, %rd111, %rd29;
	add.s64 	%rd36, %rd34, %rd29;
	ld.global.u32 	%r8, [%rd35];
	add.s32 	%r54, %r8, 1;
	setp.lt.u32 	%p15, %r54, 2;
	@%p15 bra 	$L__BB8_16;
	ld.global.u32 	%r55, [%rd36];
	rem.s32 	%r56, %r55, %r8;
	setp.eq.s32 	%p16, %r56, 0;
	xor.b32  	%r57, %r56, %r8;
	setp.gt.s32 	%p17, %r57, -1;
	or.pred  	%p18, %p16, %p17;
	selp.b32 	%r58, 0, %r8, %p18;
	add.s32 	%r111, %r58, %r56;
$L__BB8_16:
	add.s64 	%rd37, %rd112, %rd29;
	add.s32 	%r60, %r1, %r111;
	st.global.u32 	[%rd37], %r60;
	add.s64 	%rd38, %rd35, %rd29;
	add.s64 	%rd39, %rd36, %rd29;
	ld.global.u32 	%r11, [%rd38];
	add.s32 	%r61, %r11, 1;
	setp.lt.u32 	%p19, %r61, 2;
	mov.u32 	%r113, 0;
	mov.u32 	%r112, %r113;
	@%p19 bra 	$L__BB8_18;
	ld.global.u32 	%r62, [%rd39];
	rem.s32 	%r63, %r62, %r11;
	setp.eq.s32 	%p20, %r63, 0;
	xor.b32  	%r64, %r63, %r11;
	setp.gt.s32 	%p21, %r64, -1;
	or.pred  	%p22, %p20, %p21;
	selp.b32 	%r65, 0, %r11, %p22;
	add.s32 	%r112, %r65, %r63;
$L__BB8_18:
	add.s64 	%rd40, %rd37, %rd29;
	add.s32 	%r67, %r1, %r112;
	st.global.u32 	[%rd40], %r67;
	add.s64 	%rd41, %rd38, %rd29;
	ld.global.u32 	%r14, [%rd41];
	add.s32 	%r68, %r14, 1;
	setp.lt.u32 	%p23, %r68, 2;
	@%p23 bra 	$L__BB8_20;
	add.s64 	%rd86, %rd39, %rd29;
	ld.global.u32 	%r69, [%rd86];
	rem.s32 	%r70, %r69, %r14;
	setp.eq.s32 	%p24, %r70, 0;
	xor.b32  	%r71, %r70, %r14;
	setp.gt.s32 	%p25, %r71, -1;
	or.pred  	%p26, %p24, %p25;
	selp.b32 	%r72, 0, %r14, %p26;
	add.s32 	%r113, %r72, %r70;
$L__BB8_20:
	add.s64 	%rd111, %rd41, %rd29;
	add.s64 	%rd87, %rd40, %rd29;
	add.s64 	%rd112, %rd87, %rd29;
	add.s32 	%r73, %r1, %r113;
	st.global.u32 	[%rd87], %r73;
	add.s64 	%rd88, %rd117, %rd7;
	add.s64 	%rd89, %rd88, %rd7;
	add.s64 	%rd90, %rd89, %rd7;
	add.s64 	%rd117, %rd90, %rd7;
	setp.lt.s64 	%p27, %rd117, %rd68;
	@%p27 bra 	$L__BB8_12;
$L__BB8_37:
	ret;
}
)ptx"
