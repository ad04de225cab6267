// SampleText() of measurement.h. Written for this project, in several registers, so that a layout
// that harms a model shows it.
#include "services/model_performance/measurement.h"

namespace intelligenced {

std::string_view SampleText() {
  static constexpr std::string_view kText =
      R"(The ferry to the outer islands leaves at seven, unless the wind is from the north, in which case it leaves when the harbour master says so, and he is not a man to be hurried. We stood on the quay with our bags and watched the rain come over the hill. Anna had bought bread and a piece of hard cheese; the children had one wet dog between them and no idea whose it was.

"Is it always like this?" she asked the woman who sold the tickets.

"No," the woman said. "In winter it is worse."

A tide gauge is a simple instrument. A pipe stands in the sea with a small hole near its lower end, so that the water inside follows the slow rise of the tide but not the quick rise of each wave. A float rests on the water and moves a pen, and a drum turns once a day under the pen. From a hundred years of such curves one can read the phases of the moon, the great storms, the settling of the harbour wall, and, once all of these have been taken away, a line that rises by about two millimetres a year.

To make the soup, cut two onions and a leek into thin rings and let them soften in butter without taking colour. Add four potatoes in small pieces, a bay leaf and a litre of stock. When the potatoes are done, take out the bay leaf, crush about half of the vegetables against the side of the pot, and stir in a glass of milk. Salt it at the end, because the stock may have been salty enough. It keeps for two days and is better on the second.

Dear Mr Okafor,

Thank you for your letter of 14 March about the invoice for the repair of the boiler. We have looked into it and you are right: the second visit should not have been charged, since it was our mistake that the valve was fitted the wrong way round. We have cancelled the invoice and will send a corrected one this week. Please accept our apologies for the trouble. If the boiler makes the noise again, call the number below at any hour and ask for the engineer on duty.

A function that returns the larger of two numbers needs one comparison. A function that returns the largest of a list of numbers needs one comparison for every number after the first, and no method can do with fewer, because every number that is not the largest must have lost at least once. To find the largest and the second largest together takes only a little more: the second largest can only have lost to the largest, so it is enough to remember whom the largest has beaten.

The council met on Tuesday to discuss the plan for the old railway yard. Supporters said that the town needs homes more than it needs another car park; opponents said that they were not against homes, only against these ones, which would stand five storeys high beside a row of cottages. After three hours the chair asked for a vote. The plan was sent back with two conditions: one storey less along the northern edge, and a path to the river that stays open at night.

What we call a stone wall is mostly air and patience. The farmer who built this one took the stones from the field, where they were in the way of the plough, and set each so that it rested on two others. There is no mortar in it. Frost moves it a little every winter and it settles again every spring, and in the gaps live wrens, weasels, and a kind of small fern that grows nowhere else on the farm. It has stood for two hundred years, and when a part of it falls, the stones for the repair are already there.

Nobody had told the new teacher about the clock. It hung above the door, it was always eleven minutes slow, and the whole school ran by it; the trains, the shops and the church did not. For the first week she was early for everything. In the second week she brought a ladder and put the clock right, and on that day, for the first time since anyone could remember, every single pupil was late.
)";
  return kText;
}

}  // namespace intelligenced
