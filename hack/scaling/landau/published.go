package landau

// Published is what the authors' own run came to, in the order of Rows. Computed from
// the raw data of the thesis behind both papers, github.com/landaudiogo/thesis_data,
// "Reassign Algorithm/uniform_start.csv" (501 measurements of one walk for each delta);
// the Rscore is that in consumers of the capacity that is packed to.
var Published = []Row{
	{5, "BFD", 0.0000, 24.16, 100.4},
	{5, "MWF", 0.1181, 9.20, 112.2},
	{5, "MBFP", 0.0016, 23.09, 100.6},
	{5, "WFD", 0.0019, 24.12, 100.6},
	{5, "NFD", 0.2380, 20.54, 124.2},
	{10, "BFD", 0.0000, 25.53, 97.9},
	{10, "MWF", 0.1147, 11.79, 109.1},
	{10, "MBFP", 0.0034, 24.21, 98.2},
	{10, "WFD", 0.0041, 25.24, 98.2},
	{10, "NFD", 0.2409, 21.49, 121.4},
	{15, "BFD", 0.0000, 25.47, 101.3},
	{15, "MWF", 0.1049, 12.83, 111.9},
	{15, "MBFP", 0.0019, 24.00, 101.4},
	{15, "WFD", 0.0020, 25.34, 101.5},
	{15, "NFD", 0.2240, 20.60, 123.9},
	{20, "BFD", 0.0000, 25.80, 105.0},
	{20, "MWF", 0.0935, 13.83, 114.8},
	{20, "MBFP", 0.0015, 23.80, 105.2},
	{20, "WFD", 0.0011, 25.47, 105.1},
	{20, "NFD", 0.2090, 19.90, 126.9},
	{25, "BFD", 0.0000, 26.44, 104.4},
	{25, "MWF", 0.0881, 14.99, 113.5},
	{25, "MBFP", 0.0014, 24.09, 104.5},
	{25, "WFD", 0.0016, 26.21, 104.5},
	{25, "NFD", 0.2058, 19.73, 125.7},
}
