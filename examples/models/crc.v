// SPDX-License-Identifier: MIT
// A DMA engine as hardware: it reads memory over a bus of 32 bits, a word at a time, and computes the CRC-32 of it
// (IEEE 802.3). Registers of 32 bits:
//
//	0x00, 0x04	address of the memory, low and high half
//	0x08		how many words; writing it starts the engine
//	0x0c		status: 1 busy, 2 a read was refused
//	0x10		the CRC
module crc(
	input wire clk,
	input wire rst,

	// registers
	input wire write,
	input wire [7:0] addr,
	input wire [31:0] wdata,
	output reg [31:0] rdata,

	// DMA: req holds with its address until ack, which comes with the data or an error
	output reg req,
	output reg [63:0] req_addr,
	input wire ack,
	input wire error,
	input wire [31:0] data,

	// one clock long
	output reg irq
);

reg [63:0] base;
reg [31:0] left, sum;
reg failed;

function [31:0] update(input [31:0] old, input [31:0] word);
	integer i;
	begin
		update = old ^ word;
		for (i = 0; i < 32; i = i + 1)
			update = update[0] ? (update >> 1) ^ 32'hedb88320 : update >> 1;
	end
endfunction

always @(*)
	case (addr)
	8'h00: rdata = base[31:0];
	8'h04: rdata = base[63:32];
	8'h08: rdata = left;
	8'h0c: rdata = {30'b0, failed, req};
	8'h10: rdata = ~sum;
	default: rdata = 32'hffffffff;
	endcase

always @(posedge clk) begin
	irq <= 0;
	if (rst) begin
		req <= 0;
		req_addr <= 0;
		base <= 0;
		left <= 0;
		sum <= 32'hffffffff;
		failed <= 0;
	end else if (req && ack) begin
		if (!error)
			sum <= update(sum, data);
		failed <= error;
		req_addr <= req_addr + 4;
		left <= left - 1;
		req <= !error && left != 1;
		irq <= error || left == 1;
	end else if (write && !req)
		case (addr)
		8'h00: base[31:0] <= wdata;
		8'h04: base[63:32] <= wdata;
		8'h08: begin
			left <= wdata;
			req <= wdata != 0;
			req_addr <= base;
			sum <= 32'hffffffff;
			failed <= 0;
		end
		default: ;
		endcase
end

endmodule
